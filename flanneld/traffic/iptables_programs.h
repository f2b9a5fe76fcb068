// iptables for commands, which may block: the agent uses IptablesQueue.
#pragma once

#include <string>

#include "common/netfilter/iptables.h"
#include "flanneld/traffic/iptables_text.h"

namespace flanneld {

using netfilter::has_iptables;
using netfilter::iptables_name;
using netfilter::IptablesVariant;

/// How long a program may take, the wait for other users of iptables included.
inline constexpr std::chrono::seconds kIptablesTimeout{10};

/// The actual rules. Throws base::SystemError.
IptablesSaved save_iptables(base::Family family, IptablesVariant variant);

/// Removes the owner's chains and the jumps to them; false if there were none. Throws base::SystemError.
bool remove_iptables_rules(base::Family family, IptablesVariant variant, const RuleOwner& owner);

/// True if the kernel has tables of the legacy variant in which flannel has chains.
bool has_legacy_tables(base::Family family);

}  // namespace flanneld
