// What the nftables engine does about other tables than its own.
#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/base/text.h"
#include "flanneld/traffic/flannel_table.h"
#include "flanneld/traffic/forward_policy.h"
#include "flanneld/traffic/input_policy.h"
#include "flanneld/traffic/iptables_nft.h"
#include "flanneld/traffic/iptables_programs.h"
#include "flanneld/traffic/nftables_rules.h"

namespace flanneld {

using base::Family;

/// The rules of iptables do the same as ours, so both may be there for a while. They are removed when ours
/// are in place: no packet meets neither.
void NftablesRules::settle_others() {
  try {
    if (!iptables_leftovers_removed_)
      for (const Family family : base::kFamilies)
        for (const IptablesPlace& place : {kNatPlace, kSourcePlace, kTunnelInputPlace, kTunnelForwardPlace})
          remove_iptables_nft_chains(*socket_, family, place, owner_);
    open_nft_forward_chains(*socket_, plans_, owner_);
  } catch (const base::SystemError& error) {
    pass_.failure = error.what();
    return finish();
  }
  for (const Family family : base::kFamilies) settle_legacy(family);
  queue_.then([this] { finish(); });
}

/// The legacy variant's tables, which only its programs can read.
void NftablesRules::settle_legacy(Family family) {
  if (!has_legacy_tables(family)) return;
  if (!has_iptables(family, IptablesVariant::legacy)) {
    pass_.legacy_notes.push_back(fmt::format(
        "the kernel has rules of {}-legacy, and the program to look at them is missing: install it",
        iptables_name(family)));
    return;
  }
  queue_.update(
      family, IptablesVariant::legacy,
      [plan = plan_or_nothing(plans_, owner_, family), nothing = plan_or_nothing({}, owner_, family),
       is_leftover = !iptables_leftovers_removed_](IptablesSaved actual) {
        std::string changes = iptables_forward_changes(actual, has_legacy_drop(actual) ? plan : nothing);
        actual.erase("filter");
        return is_leftover ? fmt::format("{}{}", iptables_changes(actual, nothing), changes) : changes;
      },
      [this, family](const IptablesOutcome& outcome) { legacy_settled(family, outcome); });
}

void NftablesRules::legacy_settled(Family family, const IptablesOutcome& outcome) {
  switch (outcome.kind) {
    case IptablesOutcome::Kind::unchanged:
    case IptablesOutcome::Kind::changed:
      break;
    case IptablesOutcome::Kind::refused:
      if (iptables_leftovers_removed_) {
        pass_.legacy_notes.push_back(fmt::format("{}-legacy refused a change of its FORWARD chain: {}",
                                                 iptables_name(family), outcome.reason));
        break;
      }
      [[fallthrough]];
    case IptablesOutcome::Kind::failed:
      pass_.failure = fmt::format("settle the rules of {}-legacy: {}", iptables_name(family), outcome.reason);
      break;
    case IptablesOutcome::Kind::forbidden:
      pass_.legacy_notes.push_back(fmt::format(
          "the kernel has had rules of {}-legacy since flanneld gave up starting programs: restart "
          "it, and it looks at them",
          iptables_name(family)));
      break;
  }
}

void NftablesRules::finish() {
  try {
    if (!pass_.failure) status_.blocked = find_blocked();
  } catch (const base::SystemError& error) {
    pass_.failure = error.what();
  }
  status_.failure = pass_.failure;
  if (pass_.failure) {
    check_.start(retry_.next());
  } else {
    iptables_leftovers_removed_ = true;
    retry_.reset();
  }
  end_pass();
}

std::optional<std::string> NftablesRules::find_blocked() {
  std::vector<std::string> all;
  if (auto text = obstacle_text(find_nft_input_obstacles(*socket_, plans_))) all.push_back(std::move(*text));
  if (forwards(plans_)) {  // else opening the way is the operator's business
    all.insert(all.end(), pass_.legacy_notes.begin(), pass_.legacy_notes.end());
    if (auto text = obstacle_text(find_nft_obstacles(*socket_, plans_))) all.push_back(std::move(*text));
  }
  if (all.empty()) return std::nullopt;
  return fmt::format("{}", fmt::join(all, "; "));
}

}  // namespace flanneld
