// Starting iptables-save and iptables-restore: one process per call, no shell. The only part of the rules
// that starts programs.
#pragma once

#include <optional>
#include <string>

#include "common/base/ip.h"
#include "flanneld/traffic/iptables_text.h"

namespace flanneld {

/// Which of the two implementations: the one that `iptables` stands for on this node, or that which keeps
/// its rules outside nf_tables.
enum class IptablesVariant { usual, legacy };

/// True if the node has the programs.
bool has_iptables(base::Family family, IptablesVariant variant);

/// What there is. Throws base::SystemError.
IptablesSaved save_iptables(base::Family family, IptablesVariant variant);

/// Changes the tables. False when iptables-restore refused, which it explained on stderr.
/// Throws base::SystemError.
bool restore_iptables(base::Family family, IptablesVariant variant, const std::string& input);

/// True if the kernel holds tables of the legacy variant that flannel has chains in.
bool has_legacy_tables(base::Family family);

/// "iptables" or "ip6tables".
const char* iptables_name(base::Family family);

}  // namespace flanneld
