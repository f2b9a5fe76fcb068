#include "common/cni/environment.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "common/cni/error.h"
#include "common/cni/request.h"

namespace cni {
namespace {

constexpr unsigned bit(Verb verb) { return 1U << static_cast<unsigned>(verb); }

constexpr unsigned kInNetns = bit(Verb::add) | bit(Verb::check);
constexpr unsigned kOfAttachment = kInNetns | bit(Verb::del);
constexpr unsigned kAll = kOfAttachment | bit(Verb::gc) | bit(Verb::status);

std::string no_problem(std::string_view) { return {}; }

std::string container_id_problem(std::string_view id) {
  if (is_valid_identifier(id)) return {};
  return "must begin with a letter or digit, go on with those and '_', '.', '-', and have at most 239 bytes";
}

struct Variable {
  const char* name;
  unsigned needed_by;                        ///< bits of the verbs
  std::string (*problem)(std::string_view);  ///< why a value is bad; empty if it is good
};
constexpr std::array kVariables{
    Variable{.name = "CNI_CONTAINERID", .needed_by = kOfAttachment, .problem = container_id_problem},
    Variable{.name = "CNI_NETNS", .needed_by = kInNetns, .problem = no_problem},
    Variable{.name = "CNI_IFNAME", .needed_by = kInNetns, .problem = new_ifname_problem},
    Variable{.name = "CNI_IFNAME", .needed_by = bit(Verb::del), .problem = ifname_problem},
    Variable{.name = "CNI_PATH", .needed_by = kAll, .problem = no_problem},
};

}  // namespace

std::string env(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

void check_environment(Verb verb) {
  std::vector<std::string_view> missing;
  for (const Variable& variable : kVariables) {
    if ((variable.needed_by & bit(verb)) == 0) continue;
    const std::string value = env(variable.name);
    if (value.empty())
      missing.emplace_back(variable.name);
    else if (const std::string problem = variable.problem(value); !problem.empty())
      throw Error(ErrorCode::invalid_environment, fmt::format("invalid {}: {}", variable.name, problem),
                  value.substr(0, 256));
  }
  if (!missing.empty())
    throw Error(ErrorCode::invalid_environment,
                fmt::format("required env variables [{}] missing", fmt::join(missing, ",")),
                "the container runtime sets them; to call a plugin by hand use cnitool or scripts/cni-run");
}

}  // namespace cni
