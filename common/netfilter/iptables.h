// The programs iptables-save and iptables-restore: where the node has them, and how they are called. The
// callers start them, each in its way.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/ip.h"
#include "common/base/process.h"

namespace netfilter {

/// Which implementation: the one that `iptables` stands for on this node, or the one that keeps its rules
/// outside nf_tables.
enum class IptablesVariant { usual, legacy };

/// "iptables" or "ip6tables".
const char* iptables_name(base::Family family);

/// True if the node has both programs.
bool has_iptables(base::Family family, IptablesVariant variant);

/// True if the kernel has that table of the legacy variant in this network namespace. False where only others
/// may read so.
bool has_legacy_table(base::Family family, std::string_view table);

/// A call that prints the rules of one table, or of all if `table` is empty. nullopt if the node lacks the
/// program.
std::optional<base::ProcessSpec> iptables_save(base::Family family, IptablesVariant variant,
                                               const std::string& table = {});

/// A call that changes the tables as `input` says and leaves other rules in place; all of a table's changes
/// or none. `input` must outlive the call. nullopt if the node lacks the program.
std::optional<base::ProcessSpec> iptables_restore(base::Family family, IptablesVariant variant,
                                                  std::string_view input);

}  // namespace netfilter
