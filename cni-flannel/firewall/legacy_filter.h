// Table `filter` of iptables' legacy variant, which only its programs can read: two calls for each change.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "cni-flannel/firewall/rules.h"
#include "common/base/ip.h"
#include "common/netfilter/iptables.h"

namespace flannel::firewall {

/// By the programs of that variant, which the node must have. commit() throws cni::Error(kernel_refused),
/// read() takes a table that the programs cannot show for an empty one; both throw SystemError.
std::unique_ptr<FilterTable> open_legacy_filter(base::Family family, netfilter::IptablesVariant variant);

/// Reads a line of iptables-save; nullopt for one that is no rule, or a rule that this plugin would not make.
std::optional<Rule> read_line(std::string_view line);

}  // namespace flannel::firewall
