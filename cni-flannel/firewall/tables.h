// In which variants of iptables a family's table `filter` is in use on the node.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "cni-flannel/firewall/rules.h"
#include "common/base/ip.h"
#include "common/netlink/socket.h"

namespace flannel::firewall {

using FilterTables = std::vector<std::unique_ptr<FilterTable>>;

/// Those that packets pass: a packet that one accepts may be dropped by the other. At least one; nf_tables'
/// if none is in use yet and the kernel has it. `nft` must outlive them. Throws SystemError.
FilterTables open_tables(std::optional<netlink::NetlinkSocket>& nft, base::Family family);

/// Throws cni::Error(not_available) where rules can be put into none: the kernel lacks nf_tables, and
/// the node iptables.
void require_tables(std::optional<netlink::NetlinkSocket>& nft);

/// Reads the table and makes what `plan` says of it; again while others change it meanwhile. Throws as the
/// table does.
void change(FilterTable& table, const std::function<void(FilterTable&)>& plan);

}  // namespace flannel::firewall
