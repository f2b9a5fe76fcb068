// Who drops the packets that pods send and get through this node. An accept of ours ends only the chain that
// it is in: a packet passes if every base chain at the forward hook lets it, so another's drop wins.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/netfilter/nft_query.h"
#include "flanneld/traffic/iptables_text.h"
#include "flanneld/traffic/traffic_plan.h"

namespace flanneld {

/// A chain at the forward hook, with its rules.
struct ForwardChain {
  netfilter::NftChainInfo chain;
  std::vector<netfilter::NftRuleInfo> rules;
  bool names_pods = false;  ///< its table has a rule about the pods' network or bridge: someone saw to it
};

/// A chain that drops packets of pods.
struct Obstacle {
  std::string finding;  ///< which chain, and by what
  std::string advice;   ///< how to let them pass

  /// "finding: advice"
  [[nodiscard]] std::string text() const;
};

/// nullopt if the chain drops nothing that pods send, as far as its rules show.
std::optional<Obstacle> find_obstacle(const ForwardChain& chain);
/// Likewise for the FORWARD chain of the legacy variant of iptables.
std::optional<Obstacle> find_obstacle(const IptablesSaved& legacy, base::Family family);

/// Asks the kernel for the chains in nf_tables that see packets of the plans' families. Throws SystemError.
std::vector<Obstacle> find_nft_obstacles(netlink::NetlinkSocket& socket,
                                         const std::vector<TrafficPlan>& plans);

/// Puts flannel's forward rules into the FORWARD chains of iptables that drop by policy, of both variants,
/// and takes them out of those that don't. What still blocks, as one text.
std::optional<std::string> open_forward_chains(netlink::NetlinkSocket& socket,
                                               const std::vector<TrafficPlan>& plans);

}  // namespace flanneld
