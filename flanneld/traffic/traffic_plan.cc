#include "flanneld/traffic/traffic_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/hash.h"
#include "flanneld/traffic/source_rules.h"

namespace flanneld {
namespace {

/// Upstream's list for iptables. Its list for nftables differs: it compares the mark without a mask, and
/// lets what comes from a node go to other nodes' pods unmasqueraded, so that its last rule has no effect.
std::vector<TrafficRule> nat_rules(const TrafficNetwork& family, const std::vector<base::IpNet>& spared) {
  const AddressMatch cluster{.net = family.network.network()};
  const AddressMatch outside{.net = family.network.network(), .is_within = false};
  const AddressMatch local{.net = family.subnet.network()};
  const AddressMatch not_multicast{.net = base::multicast(family.network.address.family()),
                                   .is_within = false};
  using enum TrafficAction;
  std::vector<TrafficRule> rules{
      {.kube_mark = true, .action = return_},
      {.source = local, .destination = cluster, .action = return_},
      {.source = cluster, .destination = local, .action = return_},
      // From outside to a pod here: the pod sees the real source.
      {.source = outside, .destination = local, .action = return_},
  };
  for (const base::IpNet& net : spared)
    if (net.address.family() == family.network.address.family())
      rules.push_back(
          {.source = cluster, .destination = AddressMatch{.net = net.network()}, .action = return_});
  rules.push_back({.source = cluster, .destination = not_multicast, .action = masquerade});
  // From a node's own address to a pod elsewhere: answers must come back through the overlay.
  rules.push_back({.source = outside, .destination = cluster, .action = masquerade});
  return rules;
}

std::vector<TrafficRule> forward_rules(const TrafficNetwork& family) {
  const AddressMatch cluster{.net = family.network.network()};
  return {{.source = cluster, .action = TrafficAction::accept},
          {.destination = cluster, .action = TrafficAction::accept}};
}

TrafficRule drop_tunnel(const Tunnel& tunnel) {
  return {.action = TrafficAction::drop, .udp_port = tunnel.port, .is_ipip = tunnel.port == 0};
}

/// True if nodes live within the pod network, outside of all subnets: there an address does not tell a pod.
bool holds_nodes(const TrafficNetwork& family, const Tunnel& tunnel) {
  const auto& addresses = tunnel.addresses;
  return std::any_of(addresses.begin(), addresses.end(),
                     [&](const base::IpAddress& ip) { return family.network.contains(ip); });
}

/// What nodes send to this one passes, and nothing else: no packet of a stranger or of this node's own
/// programs, none to another address or by another link, none of a pod here, and none out of the tunnel, from
/// other nodes' pods. Pods elsewhere may reach the uplink, so that their addresses are refused before. What a
/// server answers to a packet with a forged source comes from a port that the kernel's tunnels do not send
/// from.
void add_tunnel_input(std::vector<TrafficRule>& rules, const TrafficNetwork& family, const Tunnel& tunnel) {
  const auto add = [&]() -> TrafficRule& { return rules.emplace_back(drop_tunnel(tunnel)); };
  if (!holds_nodes(family, tunnel)) add().source = AddressMatch{.net = family.network.network()};
  if (!family.network.address.is_v4()) add().source = AddressMatch{.net = base::link_local(base::Family::v6)};
  if (tunnel.uplinks.empty())
    for (const std::string& link : {std::string(kPodBridge), tunnel.link}) add().input_link = link;
  if (!tunnel.addresses.empty() && !tunnel.knows_senders && tunnel.port != 0) add().by_server = true;
  for (const base::IpAddress& address : tunnel.addresses) {
    const AddressMatch to{.net = {address, static_cast<uint8_t>(address.bits())}};
    for (const std::string& link : tunnel.uplinks.empty() ? std::vector<std::string>{""} : tunnel.uplinks) {
      TrafficRule pass = drop_tunnel(tunnel);
      pass.action = TrafficAction::return_;
      pass.destination = to;
      pass.input_link = link;
      if (tunnel.knows_senders) {
        rules.push_back(pass);
        continue;
      }
      for (const base::IpNet& source : tunnel.sources)
        rules.emplace_back(pass).source = AddressMatch{.net = source.network()};
      rules.emplace_back(pass).by_node = true;
    }
  }
  if (!tunnel.addresses.empty()) add();
}

/// From pods to other nodes. To other pods they may go: a cluster within the cluster may use the same port.
void add_tunnel_forward(std::vector<TrafficRule>& rules, const TrafficNetwork& family, const Tunnel& tunnel) {
  TrafficRule by_address = drop_tunnel(tunnel), by_bridge = by_address;
  by_address.source = AddressMatch{.net = family.network.network()};
  by_bridge.input_link = kPodBridge;
  if (!holds_nodes(family, tunnel))
    by_address.destination = by_bridge.destination =
        AddressMatch{.net = family.network.network(), .is_within = false};
  rules.insert(rules.end(), {by_address, by_bridge});
}

}  // namespace

std::vector<TrafficPlan> plan_traffic(const TrafficSpec& spec) {
  std::vector<TrafficPlan> plans;
  for (const TrafficNetwork& family : spec.networks) {
    TrafficPlan& plan = plans.emplace_back();
    plan.family = family.network.address.family();
    plan.network = family.network.network();
    plan.fully_random = spec.fully_random;
    plan.owner = spec.owner;
    if (spec.masquerade.has(plan.family)) plan.nat = nat_rules(family, spec.not_masqueraded);
    if (spec.forward) plan.forward = forward_rules(family);
    plan.sources = source_rules(family, spec.pods);
    plan.tunnels = family.tunnels;
    for (const Tunnel& tunnel : family.tunnels) {
      add_tunnel_input(plan.tunnel_input, family, tunnel);
      add_tunnel_forward(plan.tunnel_forward, family, tunnel);
    }
  }
  return plans;
}

RuleOwner rule_owner(const std::string& subnet_file, std::vector<base::IpNet> networks) {
  return {.networks = std::move(networks), .suffix = fmt::format("-{:08x}", base::fnv1a_32(subnet_file))};
}

TrafficPlan plan_or_nothing(const std::vector<TrafficPlan>& plans, const RuleOwner& owner,
                            base::Family family) {
  const TrafficPlan* plan = plan_of(plans, family);
  return plan ? *plan
              : TrafficPlan{.family = family,
                            .network = {},
                            .nat = {},
                            .forward = {},
                            .sources = {},
                            .tunnel_input = {},
                            .tunnel_forward = {},
                            .tunnels = {},
                            .owner = owner};
}

std::chrono::sys_seconds rules_end(std::chrono::sys_seconds now) {
  constexpr std::chrono::hours kStep{6}, kLeast{24};
  const auto begun = std::chrono::duration_cast<std::chrono::hours>(now.time_since_epoch()) / kStep;
  return std::chrono::sys_seconds(kStep * (begun + 1) + kLeast);
}

bool forwards(const std::vector<TrafficPlan>& plans) {
  return std::any_of(plans.begin(), plans.end(),
                     [](const TrafficPlan& plan) { return !plan.forward.empty(); });
}

const TrafficPlan* plan_of(const std::vector<TrafficPlan>& plans, base::Family family) {
  for (const TrafficPlan& plan : plans)
    if (plan.family == family) return &plan;
  return nullptr;
}

}  // namespace flanneld
