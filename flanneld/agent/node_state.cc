#include "flanneld/agent/node_state.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "common/base/error.h"

namespace flanneld {
namespace {

/// Behind a NAT packets to the public address come to the interface's.
std::vector<base::IpAddress> tunnel_addresses(const ExternalInterface& external, base::Family family) {
  const bool is_v4 = family == base::Family::v4;
  std::vector<base::IpAddress> addresses;
  for (const auto& ip :
       {is_v4 ? external.ipv4 : external.ipv6, is_v4 ? external.public_ipv4 : external.public_ipv6})
    if (ip && (addresses.empty() || addresses.front() != *ip)) addresses.push_back(*ip);
  return addresses;
}

std::vector<base::IpNet> of_family(std::vector<base::IpNet> networks, base::Family family) {
  std::erase_if(networks, [&](const base::IpNet& net) { return net.address.family() != family; });
  return networks;
}

std::vector<Tunnel> tunnels_of(const NodeState& state, base::Family family, const Options& options) {
  std::vector<Tunnel> tunnels;
  for (const TunnelPort& one : state.backend->tunnel_ports()) {
    const auto is_same_port = [&](const Tunnel& tunnel) { return tunnel.port == one.port; };
    if (one.family != family || std::any_of(tunnels.begin(), tunnels.end(), is_same_port)) continue;
    tunnels.push_back({.link = one.device,
                       .port = one.port,
                       .addresses = tunnel_addresses(*state.external, family),
                       .uplinks = state.host.uplinks,
                       .sources = of_family(options.tunnel_sources, family),
                       .knows_senders = one.knows_senders});
  }
  return tunnels;
}

/// Names may be there several times.
std::vector<std::string> foreign_links(const NodeState& state) {
  const auto own = own_subnets(state);
  const auto serves_pods = [&](const OwnNetwork& one) {
    return one.may_serve_pods && std::any_of(own.begin(), own.end(), [&](const base::IpNet& subnet) {
             return one.net.prefix >= subnet.prefix && subnet.contains(one.net.address);
           });
  };
  std::vector<std::string> names;
  for (const OwnNetwork& one : state.host.own_networks)
    if (!serves_pods(one)) names.push_back(one.link);
  return names;
}

}  // namespace

std::vector<base::IpNet> pod_networks(const NodeState& state) {
  std::vector<base::IpNet> networks;
  for (const base::Family family : base::kFamilies)
    if (const auto& config = state.config->of(family)) networks.push_back(config->network);
  return networks;
}

std::optional<std::string> find_own_collision(const NodeState& state) {
  if (!state.own) return std::nullopt;
  for (const base::Family family : base::kFamilies) {
    const auto& config = state.config->of(family);
    const auto& subnet = state.own->key.of(family);
    if (!config || !subnet) continue;
    if (const auto collision = find_own_collision(state.host.own_networks, *subnet, config->network))
      return fmt::format(
          "this node's own {}: no pod can be made with such an address; remove the lease {}, or "
          "choose another pod network",
          *collision, state.own->key.str());
  }
  return std::nullopt;
}

std::vector<base::IpNet> own_subnets(const NodeState& state) {
  std::vector<base::IpNet> subnets;
  if (state.own)
    for (const auto& subnet : {state.own->key.subnet, state.own->key.ipv6_subnet})
      if (subnet) subnets.push_back(*subnet);
  return subnets;
}

std::vector<base::IpNet> networks_to_avoid(const NodeState& state) {
  std::vector<base::IpNet> networks;
  for (const base::IpNet& network : pod_networks(state))
    for (const OwnNetwork& one : colliding_networks(state.host.own_networks, network))
      networks.push_back(one.net);
  return networks;
}

std::vector<base::IpNet> networks_on_link(const NodeState& state) {
  std::vector<base::IpNet> networks;
  for (const HostRoute& route : state.host.routes)
    if (!route.has_gateway) networks.push_back(route.dst);
  return networks;
}

std::optional<std::string> describe_collisions(const NodeState& state) {
  std::vector<std::string> all;
  for (const base::IpNet& network : pod_networks(state)) {
    const FamilyConfig& config = *state.config->of(network.address.family());
    std::vector<std::string> own;
    for (const OwnNetwork& one : colliding_networks(state.host.own_networks, network))
      if (config.subnet_min <= one.net.last() &&
          one.net.network().address <= base::IpNet{config.subnet_max, config.subnet_len}.last())
        own.push_back(fmt::format("{} of '{}'", one.net, one.link));
    if (!own.empty())
      all.push_back(
          fmt::format("the pod network {} holds what is this node's own, {}: no peer's subnet there is "
                      "used; choose another pod network",
                      network, fmt::join(own, ", ")));
  }
  if (all.empty()) return std::nullopt;
  return fmt::format("{}", fmt::join(all, "; "));
}

void take_lengths_of(const std::vector<std::string>& texts, NetworkConfig& config) {
  for (const std::string& text : texts) try {
      config.take_lengths_of(NetworkConfig::parse(text));
    } catch (const base::ParseError&) {
      continue;
    }
}

NodePlan node_plan(const NodeState& state, const Options& options) {
  NodePlan plan = state.backend->node_plan(state.own ? &state.own->key : nullptr);
  plan.former = state.former;
  plan.owner = fmt::format("{}{}", kOwnerMark, options.subnet_file);
  for (Device& device : plan.devices) device.owner = plan.owner;
  plan.own_subnets = own_subnets(state);
  plan.foreign_links = foreign_links(state);
  if (options.ip_blackhole_route)
    plan.blackholes.insert(plan.blackholes.end(), plan.own_subnets.begin(), plan.own_subnets.end());
  return plan;
}

std::vector<base::IpAddress> tunnel_senders(const NodeState& state) {
  std::vector<base::IpAddress> senders;
  for (const auto& [key, peer] : state.peers.plans())
    senders.insert(senders.end(), peer.plan->senders.begin(), peer.plan->senders.end());
  return senders;
}

NodeChange change_of_senders(const PlanChanges& changes) {
  static const PeerPlan kNone;
  NodeChange change;
  for (const PlanChange& one : changes) {
    const auto& before = (one.before ? *one.before : kNone).senders;
    const auto& now = (one.now.plan ? *one.now.plan : kNone).senders;
    if (before == now) continue;
    change.gone.insert(change.gone.end(), before.begin(), before.end());
    change.come.insert(change.come.end(), now.begin(), now.end());
  }
  return change;
}

Families masqueraded(const NetworkConfig& config, const Options& options) {
  return config.ip_masq.value_or(options.ip_masq);
}

TrafficSpec traffic_spec(const NodeState& state, const Options& options) {
  TrafficSpec spec;
  std::vector<base::IpNet> networks = state.former;
  for (const base::Family family : base::kFamilies) {
    const auto& config = state.config->of(family);
    const auto& subnet = state.own->key.of(family);
    if (config && subnet)
      spec.networks.push_back({config->network, *subnet, tunnels_of(state, family, options)});
    if (config) networks.push_back(config->network);
  }
  spec.owner = rule_owner(options.subnet_file, std::move(networks));
  const PodBridge& bridge = state.host.pod_bridge;
  spec.pods = {.bridge = bridge.name, .networks = bridge.networks, .sources = options.pod_sources};
  spec.masquerade = masqueraded(*state.config, options);
  spec.not_masqueraded = options.no_masquerade;
  spec.not_masqueraded.insert(spec.not_masqueraded.end(), state.config->no_masquerade.begin(),
                              state.config->no_masquerade.end());
  spec.fully_random = !options.ip_masq_fully_random_disable;
  spec.forward = options.iptables_forward_rules;
  return spec;
}

}  // namespace flanneld
