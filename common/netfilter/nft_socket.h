// The way to nf_tables of those who can do without.
#pragma once

#include <optional>

#include "common/netlink/socket.h"

namespace netfilter {

/// nullopt on a kernel without netfilter's netlink family, which has no rules of nf_tables. Throws
/// SystemError for another refusal.
std::optional<netlink::NetlinkSocket> open_nft_socket();

}  // namespace netfilter
