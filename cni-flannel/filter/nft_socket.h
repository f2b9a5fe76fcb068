// The way to nf_tables that what both filters remove goes.
#pragma once

#include <optional>

#include "common/netlink/socket.h"

namespace flannel {

/// nullopt on a kernel without netfilter's netlink family, which has no rules of nf_tables to remove.
std::optional<netlink::NetlinkSocket> open_nft_socket();

}  // namespace flannel
