#include "common/netfilter/iptables.h"

#include <unistd.h>

#include <algorithm>
#include <vector>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/text.h"

namespace netfilter {
namespace {

constexpr size_t kMaxOutputBytes = 64 << 20;  // a node with tens of thousands of services
constexpr size_t kMaxNamesBytes = 4096;
constexpr const char* kXtablesLockSeconds = "5";

/// Full path, or empty. PATH is not used: a plugin's may be anything.
std::string find_program(base::Family family, IptablesVariant variant, std::string_view action) {
  std::vector<std::string> names;
  if (variant == IptablesVariant::legacy)
    names.push_back(fmt::format("{}-legacy-{}", iptables_name(family), action));
  // Some distributions have only the legacy variant, without its name.
  names.push_back(fmt::format("{}-{}", iptables_name(family), action));
  for (const std::string& name : names)
    for (const char* dir : {"/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/bin"})
      if (std::string path = fmt::format("{}/{}", dir, name); ::access(path.c_str(), X_OK) == 0) return path;
  return {};
}

std::optional<base::ProcessSpec> call(base::Family family, IptablesVariant variant, std::string_view action,
                                      std::vector<std::string> arguments) {
  base::ProcessSpec spec;
  spec.program = find_program(family, variant, action);
  if (spec.program.empty()) return std::nullopt;
  spec.arguments = std::move(arguments);
  spec.environment = base::environment_with({});
  spec.max_output_bytes = kMaxOutputBytes;
  return spec;
}

}  // namespace

const char* iptables_name(base::Family family) {
  return family == base::Family::v4 ? "iptables" : "ip6tables";
}

bool has_iptables(base::Family family, IptablesVariant variant) {
  return !find_program(family, variant, "save").empty() && !find_program(family, variant, "restore").empty();
}

bool has_legacy_table(base::Family family, std::string_view table) {
  const char* path = family == base::Family::v4 ? "/proc/net/ip_tables_names" : "/proc/net/ip6_tables_names";
  try {
    const auto names = base::read_file(path, kMaxNamesBytes);
    if (!names) return false;
    const auto tables = base::split(*names, '\n');
    return std::find(tables.begin(), tables.end(), table) != tables.end();
  } catch (const base::SystemError&) {
    return false;
  }
}

std::optional<base::ProcessSpec> iptables_save(base::Family family, IptablesVariant variant,
                                               const std::string& table) {
  if (table.empty()) return call(family, variant, "save", {});
  return call(family, variant, "save", {"-t", table});
}

std::optional<base::ProcessSpec> iptables_restore(base::Family family, IptablesVariant variant,
                                                  std::string_view input) {
  auto spec = call(family, variant, "restore", {"--noflush", "--wait", kXtablesLockSeconds});
  if (spec) spec->input = input;
  return spec;
}

}  // namespace netfilter
