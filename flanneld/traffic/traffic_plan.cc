#include "flanneld/traffic/traffic_plan.h"

namespace flanneld {
namespace {

/// Upstream's list for iptables. Its list for nftables differs: it compares the mark without a mask, and
/// lets what comes from a node go to other nodes' pods unmasqueraded, so that its last rule has no effect.
std::vector<TrafficRule> nat_rules(const TrafficNetwork& family) {
  const AddressMatch cluster{.net = family.network.network()};
  const AddressMatch outside{.net = family.network.network(), .is_within = false};
  const AddressMatch local{.net = family.subnet.network()};
  const AddressMatch not_multicast{.net = base::multicast(family.network.address.family()),
                                   .is_within = false};
  using enum TrafficAction;
  return {
      {.kube_mark = true, .action = return_},
      {.source = local, .destination = cluster, .action = return_},
      {.source = cluster, .destination = local, .action = return_},
      // From outside to a pod here: the pod sees the real source.
      {.source = outside, .destination = local, .action = return_},
      {.source = cluster, .destination = not_multicast, .action = masquerade},
      // From a node's own address to a pod elsewhere: answers must come back through the overlay.
      {.source = outside, .destination = cluster, .action = masquerade},
  };
}

std::vector<TrafficRule> forward_rules(const TrafficNetwork& family) {
  const AddressMatch cluster{.net = family.network.network()};
  return {{.source = cluster, .action = TrafficAction::accept},
          {.destination = cluster, .action = TrafficAction::accept}};
}

TrafficRule drop_tunnel(const Tunnel& tunnel) {
  return {.action = TrafficAction::drop, .udp_port = tunnel.port};
}

/// Against what pods send: by their addresses, and by their bridge because a pod may forge its address; also
/// against what comes out of the tunnel, from other nodes' pods.
std::vector<TrafficRule> tunnel_input_rules(const TrafficNetwork& family) {
  std::vector<TrafficRule> rules;
  const auto drop_from = [&](const base::IpNet& net) {
    rules.push_back(drop_tunnel(*family.tunnel));
    rules.back().source = AddressMatch{.net = net};
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
  by_address.source = AddressMatch{.net = family.network.network()};
  by_bridge.input_link = kPodBridge;
  by_address.destination = by_bridge.destination =
      AddressMatch{.net = family.network.network(), .is_within = false};
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
