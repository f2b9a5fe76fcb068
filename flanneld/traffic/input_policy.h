// Finds what drops the tunnel packets that other nodes send to this one: a firewall that does not know of the
// tunnel's UDP port.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/netfilter/nft_query.h"
#include "flanneld/traffic/forward_policy.h"
#include "flanneld/traffic/traffic_plan.h"

namespace flanneld {

/// A base chain at the input hook, and all rules of its table by chain.
struct InputChain {
  netfilter::NftChainInfo chain;
  std::map<std::string, std::vector<netfilter::NftRuleInfo>> rules;
};

/// nullopt unless it is certain, from its rules, that the chain drops a packet of another node. What a rule's
/// set holds is not looked at: one of protocols or states is taken to be for other packets, any other for
/// these. What comes from the network `pods` is not.
std::optional<Obstacle> find_input_obstacle(const InputChain& input, const Tunnel& tunnel,
                                            const base::IpNet& pods);

/// Asks the kernel for the chains in nf_tables that see the plans' tunnel packets. Throws SystemError.
std::vector<Obstacle> find_nft_input_obstacles(netlink::NetlinkSocket& socket,
                                               const std::vector<TrafficPlan>& plans);

}  // namespace flanneld
