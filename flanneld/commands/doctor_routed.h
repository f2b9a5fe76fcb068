// Of `flanneld doctor`: pods without a bridge, each on a link of its own (common/guard/routed.h).
#pragma once

#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/netlink/socket.h"
#include "flanneld/commands/doctor_report.h"

namespace flanneld {

struct RoutedPodFacts {
  /// The node's end of a pod's link.
  struct Link {
    std::string name;
    bool is_up = true;
    bool forwards_ipv4 = true;
    bool forwards_ipv6 = true;
    std::vector<base::IpAddress> gateways = {};  ///< the node's addresses there
    std::vector<base::IpAddress> pods = {};      ///< the pod's, by the node's permanent neighbour entries
    std::vector<base::IpAddress> routed = {};    ///< to which the node sends by it
  };
  std::vector<Link> links;
  bool has_rules = true;             ///< those that keep the pods to their addresses
  std::vector<base::IpNet> subnets;  ///< of the node's, those to which as a whole no route leads
};

/// `subnets`: the node's. Throws SystemError.
RoutedPodFacts read_routed_pods(netlink::NetlinkSocket& socket, const std::vector<base::IpNet>& subnets);

/// None for a node that has no such pods. Pure.
std::vector<Finding> check_routed_pods(const RoutedPodFacts& facts);

}  // namespace flanneld
