// What leads ports of the node to one pod: the rules, the connections that the kernel remembers, and the
// setting that lets 127.0.0.1 be used for it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cni-flannel/hostport/mappings.h"
#include "common/cni/request.h"
#include "common/netlink/socket.h"

namespace flannel::hostport {

/// Opens the ports; after a failure none is open. Throws cni::Error(conflict) naming the pod that holds one
/// of them. What pods that are gone have left is no reason for that.
void open_ports(const Conf& conf, const std::string& network, const cni::Attachment& attachment,
                const std::vector<base::IpAddress>& addresses);

/// Closes all ports that lead to the container by that network, whoever opened them. Returns the socket by
/// which it did, unless this kernel has no nf_tables: who closes it waits until the kernel has freed the
/// rules, 30 ms or more, in which other things can be done.
std::optional<netlink::NetlinkSocket> close_ports(const std::string& network,
                                                  const cni::Attachment& attachment);

/// Throws cni::Error(check_failed) at the first one that is not open.
void check_ports(const Conf& conf, const std::string& network, const cni::Attachment& attachment,
                 const std::vector<base::IpAddress>& addresses);

/// Closes what leads to containers that are gone. `valid`: the network's containers that are not.
void collect_ports(const std::string& network, const std::vector<cni::Attachment>& valid);

/// Throws cni::Error(not_available) where the kernel lacks what open_ports() needs.
void check_available();

}  // namespace flannel::hostport
