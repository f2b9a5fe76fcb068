#include "flanneld/traffic/iptables_programs.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/process.h"
#include "common/base/text.h"

namespace flanneld {
namespace {

base::ProcessResult run(std::optional<base::ProcessSpec> call, base::Family family) {
  if (!call) throw base::SystemError(ENOENT, fmt::format("find the programs of {}", iptables_name(family)));
  call->timeout = kIptablesTimeout;
  return base::run_process(std::move(*call));
}

}  // namespace

IptablesSaved save_iptables(base::Family family, IptablesVariant variant) {
  const auto result = run(netfilter::iptables_save(family, variant), family);
  if (result.exit_code != 0)
    throw base::SystemError(
        EIO, fmt::format("read the rules: {}-save failed and told stderr why", iptables_name(family)));
  return parse_iptables_save(result.output);
}

bool remove_iptables_rules(base::Family family, IptablesVariant variant, const RuleOwner& owner) {
  const std::string changes =
      iptables_changes(save_iptables(family, variant), plan_or_nothing({}, owner, family));
  if (changes.empty()) return false;
  if (run(netfilter::iptables_restore(family, variant, changes), family).exit_code != 0)
    throw base::SystemError(EIO, fmt::format("write the rules: {}-restore refused them and told stderr why",
                                             iptables_name(family)));
  return true;
}

bool has_legacy_tables(base::Family family) {
  return std::any_of(kIptablesPlaces.begin(), kIptablesPlaces.end(), [&](const IptablesPlace& place) {
    return netfilter::has_legacy_table(family, place.table);
  });
}

}  // namespace flanneld
