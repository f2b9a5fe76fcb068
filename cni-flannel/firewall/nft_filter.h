// Table `filter` of iptables' nf_tables variant, over netlink: no program is started, and `iptables` shows
// and deletes the rules as its own.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cni-flannel/firewall/rules.h"
#include "common/base/ip.h"
#include "common/netfilter/nft_query.h"
#include "common/netfilter/nft_rule.h"
#include "common/netlink/socket.h"

namespace flannel::firewall {

/// Whether that variant has its chain FORWARD here. Throws NetlinkError.
bool has_nft_filter(netlink::NetlinkSocket& socket, base::Family family);

/// `socket` must outlive it. Its methods throw NetlinkError; commit() also cni::Error(unsupported_field) on a
/// kernel that cannot have such rules.
std::unique_ptr<FilterTable> open_nft_filter(netlink::NetlinkSocket& socket, base::Family family);

/// The rule in the form that iptables reads.
netfilter::NftRule make_nft_rule(const Rule& rule, base::Family family);
/// nullopt for a rule that this plugin would not make.
std::optional<Rule> read_nft_rule(const std::string& chain, const netfilter::NftRuleInfo& info);

}  // namespace flannel::firewall
