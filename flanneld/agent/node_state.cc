#include "flanneld/agent/node_state.h"

namespace flanneld {
namespace {

std::optional<Tunnel> find_tunnel(const Backend& backend, base::Family family) {
  for (const TunnelPort& one : backend.tunnel_ports())
    if (one.family == family) return Tunnel{.link = one.device, .port = one.port};
  return std::nullopt;
}

}  // namespace

NodePlan node_plan(const NodeState& state, const Options& options) {
  NodePlan plan = state.backend->node_plan(state.own ? &state.own->key : nullptr);
  if (state.own && options.ip_blackhole_route)
    for (const auto& subnet : {state.own->key.subnet, state.own->key.ipv6_subnet})
      if (subnet) plan.blackholes.push_back(*subnet);
  return plan;
}

TrafficSpec traffic_spec(const NodeState& state, const Options& options) {
  TrafficSpec spec;
  for (const base::Family family : base::kFamilies) {
    const auto& config = state.config->of(family);
    const auto& subnet = state.own->key.of(family);
    if (config && subnet)
      spec.networks.push_back({config->network, *subnet, find_tunnel(*state.backend, family)});
  }
  spec.masquerade = options.ip_masq;
  spec.fully_random = !options.ip_masq_fully_random_disable;
  spec.forward = options.iptables_forward_rules;
  return spec;
}

}  // namespace flanneld
