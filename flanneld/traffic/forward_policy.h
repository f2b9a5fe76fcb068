// Finds what drops the packets that pods send and receive through this node. Accepting a packet in our chain
// ends only that chain: it passes if every base chain at the forward hook lets it, so a drop anywhere else
// wins.
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
  bool names_pods =
      false;  ///< a rule of its table names the pods' network or bridge: its owner knows of pods
};

/// A chain that drops packets of pods.
struct Obstacle {
  std::string finding;  ///< which chain, and by what
  std::string advice;   ///< how to let them pass
  bool operator==(const Obstacle&) const = default;

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

/// All of them as one text; nullopt if there are none.
std::optional<std::string> obstacle_text(const std::vector<Obstacle>& obstacles);

/// Puts flannel's forward rules into those FORWARD chains of iptables' nf_tables variant that drop by policy,
/// and removes them from the others. Throws SystemError.
void open_nft_forward_chains(netlink::NetlinkSocket& socket, const std::vector<TrafficPlan>& plans,
                             const RuleOwner& owner);

/// True if the FORWARD chain of the legacy variant drops by its policy.
bool has_legacy_drop(const IptablesSaved& saved);

}  // namespace flanneld
