#include "flanneld/traffic_plan.h"

namespace flanneld {
namespace {

base::IpNet multicast(base::Family family) {
  return base::IpNet::parse(family == base::Family::v4 ? "224.0.0.0/4" : "ff00::/8").value();
}

/// Upstream's list for iptables. Its list for nftables differs: it compares the mark without a mask, and
/// lets what comes from a node go to other nodes' pods unmasqueraded, so that its last rule has no effect.
std::vector<TrafficRule> nat_rules(const TrafficNetwork& family) {
  const AddressMatch cluster{family.network.network(), true}, outside{family.network.network(), false};
  const AddressMatch local{family.subnet.network(), true};
  const AddressMatch not_multicast{multicast(family.network.address.family()), false};
  return {
      {true, {}, {}, TrafficAction::return_},
      {false, local, cluster, TrafficAction::return_},
      {false, cluster, local, TrafficAction::return_},
      // From outside to a pod here: the pod sees who it is.
      {false, outside, local, TrafficAction::return_},
      {false, cluster, not_multicast, TrafficAction::masquerade},
      // From a node's own address to a pod elsewhere: answers must come back through the overlay.
      {false, outside, cluster, TrafficAction::masquerade},
  };
}

std::vector<TrafficRule> forward_rules(const TrafficNetwork& family) {
  const AddressMatch cluster{family.network.network(), true};
  return {{false, cluster, {}, TrafficAction::accept}, {false, {}, cluster, TrafficAction::accept}};
}

}  // namespace

std::vector<TrafficPlan> plan_traffic(const TrafficSpec& spec) {
  std::vector<TrafficPlan> plans;
  for (const TrafficNetwork& family : spec.networks) {
    TrafficPlan& plan = plans.emplace_back();
    plan.family = family.network.address.family();
    plan.network = family.network.network();
    plan.fully_random = spec.fully_random;
    if (spec.masquerade) plan.nat = nat_rules(family);
    if (spec.forward) plan.forward = forward_rules(family);
  }
  return plans;
}

const TrafficPlan* plan_of(const std::vector<TrafficPlan>& plans, base::Family family) {
  for (const TrafficPlan& plan : plans)
    if (plan.family == family) return &plan;
  return nullptr;
}

}  // namespace flanneld
