// The rules by which the reference leads ports to pods with iptables: a node that it served has them, for
// pods that live on. Made by nobody here, and removed as those of nf_tables are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/cni/request.h"
#include "common/netlink/socket.h"

namespace flannel::hostport {

/// Removes what the attachment's container has in the network: its chain in nf_tables, and where the node has
/// tables of iptables' legacy variant there as well.
void remove_iptables_rules(std::optional<netlink::NetlinkSocket>& nft, const std::string& network,
                           const std::string& container_id);

/// Removes those of the network's containers that are not valid.
void collect_iptables_rules(std::optional<netlink::NetlinkSocket>& nft, const std::string& network,
                            const std::vector<cni::Attachment>& valid);

}  // namespace flannel::hostport
