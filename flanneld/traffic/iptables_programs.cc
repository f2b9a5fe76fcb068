#include "flanneld/traffic/iptables_programs.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/process.h"

namespace flanneld {
namespace {

constexpr std::chrono::seconds kProgramTimeout{10};  // the event loop stands still as long
constexpr const char* kXtablesLockSeconds = "5";
constexpr size_t kMaxOutputBytes = 64 << 20;  // a node with tens of thousands of services

std::string find_program(base::Family family, IptablesVariant variant, const std::string& action) {
  // Some distributions have only the legacy variant, without its name.
  std::vector<std::string> names{std::string(iptables_name(family)) + "-" + action};
  if (variant == IptablesVariant::legacy)
    names.insert(names.begin(), std::string(iptables_name(family)) + "-legacy-" + action);
  for (const std::string& name : names)
    for (const char* dir : {"/usr/sbin/", "/sbin/", "/usr/local/sbin/", "/usr/bin/", "/bin/"})
      if (::access((dir + name).c_str(), X_OK) == 0) return dir + name;
  return {};
}

base::ProcessResult run(base::Family family, IptablesVariant variant, const char* action,
                        std::vector<std::string> arguments, const std::string& input) {
  base::ProcessSpec spec;
  spec.program = find_program(family, variant, action);
  if (spec.program.empty())
    throw base::SystemError(ENOENT, std::string("find program '") + iptables_name(family) + "-" + action +
                                        "': this node needs iptables, or EnableNFTables");
  spec.arguments = std::move(arguments);
  spec.environment = base::environment_with({});
  spec.input = input;
  spec.timeout = kProgramTimeout;
  spec.max_output_bytes = kMaxOutputBytes;
  return base::run_process(spec);
}

}  // namespace

const char* iptables_name(base::Family family) {
  return family == base::Family::v4 ? "iptables" : "ip6tables";
}

bool has_iptables(base::Family family, IptablesVariant variant) {
  return !find_program(family, variant, "save").empty() && !find_program(family, variant, "restore").empty();
}

IptablesSaved save_iptables(base::Family family, IptablesVariant variant) {
  const base::ProcessResult result = run(family, variant, "save", {}, {});
  if (result.exit_code != 0)
    throw base::SystemError(
        EIO, std::string("read the rules: ") + iptables_name(family) + "-save failed and told stderr why");
  return parse_iptables_save(result.output);
}

bool restore_iptables(base::Family family, IptablesVariant variant, const std::string& input) {
  return run(family, variant, "restore", {"--noflush", "--wait", kXtablesLockSeconds}, input).exit_code == 0;
}

bool has_legacy_tables(base::Family family) {
  try {
    const auto names = base::read_file(
        family == base::Family::v4 ? "/proc/net/ip_tables_names" : "/proc/net/ip6_tables_names", 4096);
    return names &&
           std::any_of(kIptablesPlaces.begin(), kIptablesPlaces.end(), [&](const IptablesPlace& place) {
             return ("\n" + *names).find(std::string("\n") + place.table + "\n") != std::string::npos;
           });
  } catch (const base::SystemError&) {
    return false;  // not for us to read: then these rules are not for us to change either
  }
}

}  // namespace flanneld
