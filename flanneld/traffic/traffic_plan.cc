#include "flanneld/traffic/traffic_plan.h"

namespace flanneld {
namespace {

/// Upstream's list for iptables. Its list for nftables differs: it compares the mark without a mask, and
/// lets what comes from a node go to other nodes' pods unmasqueraded, so that its last rule has no effect.
std::vector<TrafficRule> nat_rules(const TrafficNetwork& family) {
  const AddressMatch cluster{family.network.network(), true}, outside{family.network.network(), false};
  const AddressMatch local{family.subnet.network(), true};
  const AddressMatch not_multicast{base::multicast(family.network.address.family()), false};
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

TrafficRule drop_tunnel(const Tunnel& tunnel) {
  TrafficRule rule;
  rule.action = TrafficAction::drop;
  rule.udp_port = tunnel.port;
  return rule;
}

/// What pods send, by their addresses and, as a pod may be able to forge these too, by their bridge; also
/// out of the tunnel, whose other end's pods are no better.
std::vector<TrafficRule> tunnel_input_rules(const TrafficNetwork& family) {
  std::vector<TrafficRule> rules;
  const auto drop_from = [&](const base::IpNet& net) {
    rules.push_back(drop_tunnel(*family.tunnel));
    rules.back().source = AddressMatch{net, true};
  };
  const auto drop_through = [&](const std::string& link) {
    rules.push_back(drop_tunnel(*family.tunnel));
    rules.back().input_link = link;
  };
  drop_from(family.network.network());
  if (!family.network.address.is_v4()) drop_from(base::link_local(base::Family::v6));
  drop_through(kPodBridge);
  drop_through(family.tunnel->link);
  return rules;
}

/// From pods to other nodes. To other pods they may go: a cluster within the cluster may use the same port.
std::vector<TrafficRule> tunnel_forward_rules(const TrafficNetwork& family) {
  TrafficRule by_address = drop_tunnel(*family.tunnel), by_bridge = by_address;
  by_address.source = AddressMatch{family.network.network(), true};
  by_bridge.input_link = kPodBridge;
  by_address.destination = by_bridge.destination = AddressMatch{family.network.network(), false};
  return {by_address, by_bridge};
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
    if (family.tunnel) {
      plan.tunnel_input = tunnel_input_rules(family);
      plan.tunnel_forward = tunnel_forward_rules(family);
    }
  }
  return plans;
}

const TrafficPlan* plan_of(const std::vector<TrafficPlan>& plans, base::Family family) {
  for (const TrafficPlan& plan : plans)
    if (plan.family == family) return &plan;
  return nullptr;
}

}  // namespace flanneld
