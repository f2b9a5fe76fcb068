// What firewalld lets pass, by its table of nf_tables: that comes after iptables' and drops what no zone
// allows. D-Bus, which would change its zones, is not spoken.
#pragma once

#include <optional>
#include <string>

#include "cni-flannel/firewall/conf.h"
#include "common/base/ip.h"
#include "common/cni/error.h"
#include "common/netfilter/nft_query.h"
#include "common/netlink/socket.h"

namespace flannel::firewall {

/// Throws cni::Error(code) if the configuration asks for firewalld and there is none.
void require_firewalld(const Conf& conf, std::optional<netlink::NetlinkSocket>& nft, cni::ErrorCode code);

/// Throws cni::Error(code) if firewalld is here and its zone lacks an address of the result, unless the
/// configuration says to leave firewalld alone.
void require_zone(const Conf& conf, const cni::Result& result, std::optional<netlink::NetlinkSocket>& nft,
                  cni::ErrorCode code);

/// Whether the rule leads what comes from the address to a chain of the zone.
bool leads_to_zone(const netfilter::NftRuleInfo& rule, const base::IpAddress& address,
                   const std::string& zone);

}  // namespace flannel::firewall
