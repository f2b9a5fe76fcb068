// What comes in from pods that no bridge connects: each is alone on its link, and the node's routes say which
// addresses are behind it. Rules of nf_tables hold it to them. The links are known by their group, so that a
// pod needs no rule and no element of its own, and nothing is left of one that is gone.
#pragma once

#include <cstdint>

#include "common/netfilter/nft_table.h"
#include "common/netlink/socket.h"

namespace guard {

/// The group of the host's ends of such pods' links.
inline constexpr uint32_t kRoutedGroup = 61858;

/// The table of the rules.
netfilter::NftTable routed_table();

/// Makes the rules where they are missing or incomplete. False if this kernel cannot have them.
bool ensure_routed_rules(netlink::NetlinkSocket& nft);
/// True if all of them are there.
bool has_routed_rules(netlink::NetlinkSocket& nft);

}  // namespace guard
