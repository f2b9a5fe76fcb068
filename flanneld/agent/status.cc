#include "flanneld/agent/status.h"

#include <iterator>

#include "flanneld/agent/probe_status.h"

namespace flanneld {
namespace {

template <class Value>
json::OrderedValue or_null(const std::optional<Value>& value) {
  return value ? json::OrderedValue(value->str()) : json::OrderedValue(nullptr);
}
json::OrderedValue or_null(const std::optional<std::string>& value) {
  return value ? json::OrderedValue(*value) : json::OrderedValue(nullptr);
}

/// Backend data are JSON in their own right; text that is not is shown as text.
json::OrderedValue data_json(const std::string& text) {
  if (text.empty()) return nullptr;
  json::OrderedValue data = json::OrderedValue::parse(text, nullptr, false);
  return data.is_discarded() ? json::OrderedValue(text) : data;
}

json::OrderedValue lease_json(const Lease& lease, std::chrono::sys_seconds now) {
  const LeaseAttributes& attributes = lease.attributes;
  json::OrderedValue result{
      {"subnet", or_null(lease.key.subnet)},
      {"ipv6Subnet", or_null(lease.key.ipv6_subnet)},
      {"publicIP", attributes.public_ip.is_unspecified() ? json::OrderedValue(nullptr)
                                                         : json::OrderedValue(attributes.public_ip.str())},
      {"publicIPv6", or_null(attributes.public_ipv6)},
      {"backendType", attributes.backend_type},
      {"backendData", data_json(attributes.backend_data)},
      {"backendV6Data", data_json(attributes.backend_v6_data)}};
  if (lease.expiry) result["expiresInSeconds"] = (*lease.expiry - now).count();
  return result;
}

json::OrderedValue interface_json(const std::optional<ExternalInterface>& external) {
  if (!external) return nullptr;
  return {{"name", external->name},
          {"mtu", external->mtu},
          {"ipv4", or_null(external->ipv4)},
          {"ipv6", or_null(external->ipv6)},
          {"publicIP", or_null(external->public_ipv4)},
          {"publicIPv6", or_null(external->public_ipv6)},
          {"rule", external->rule}};
}

json::OrderedValue kernel_json(const ReconcilerStatus& kernel) {
  return {{"routes", kernel.routes},
          {"neighbours", kernel.neighbours},
          {"fdbEntries", kernel.fdb_entries},
          {"writes", kernel.writes},
          {"repairs", kernel.repairs},
          {"passes", kernel.passes},
          {"failures", kernel.failures.lines()},
          {"peerFailures", kernel.peer_failures.lines()},
          {"drift", kernel.drift.lines()}};
}

json::OrderedValue udp_json(const std::optional<UdpCounters>& udp) {
  if (!udp) return nullptr;
  return {{"sent", udp->sent},
          {"received", udp->received},
          {"sentBytes", udp->sent_bytes},
          {"receivedBytes", udp->received_bytes},
          {"dropped",
           {{"noNode", udp->no_node},
            {"stranger", udp->stranger},
            {"forged", udp->forged},
            {"malformed", udp->malformed},
            {"unsent", udp->unsent}}}};
}

json::OrderedValue rules_json(const std::optional<TrafficStatus>& rules) {
  if (!rules) return nullptr;
  return {{"engine", rules->engine},
          {"restored", rules->restored},
          {"failure", or_null(rules->failure)},
          {"blocked", or_null(rules->blocked)}};
}

}  // namespace

json::OrderedValue peers_json(const AgentStatus& status, std::chrono::sys_seconds now) {
  json::OrderedValue peers = json::OrderedValue::array();
  const TunnelLookup tunnels(status.tunnels);
  for (const auto& [key, lease] : status.peers) {
    json::OrderedValue peer = lease_json(lease, now);
    const auto rejected = status.rejected.find(key);
    if (rejected != status.rejected.end()) peer["rejected"] = rejected->second;
    if (const auto kept = status.kept.find(key); kept != status.kept.end()) peer["kept"] = kept->second;
    if (const auto planned = status.plans.find(key);
        planned != status.plans.end() && !planned->second.plan->tunnel_peers.empty())
      peer["tunnels"] = tunnels_json(*planned->second.plan, tunnels, now);
    if (auto probes = probes_json(status.probes, key, status.mtu, now); !probes.empty())
      peer["probes"] = std::move(probes);
    peers.push_back(std::move(peer));
  }
  return peers;
}

json::OrderedValue status_json(const AgentStatus& status, std::chrono::sys_seconds now) {
  return {{"version", PROJECT_VERSION},
          {"flags", status.flags},
          {"ready", !status.not_ready},
          {"notReadyReason", or_null(status.not_ready)},
          {"problems", status.problems.own},
          {"problemsElsewhere", status.problems.elsewhere},
          {"store", status.store},
          {"storeProblem", or_null(status.store_problem)},
          {"backend", status.backend},
          {"handover", or_null(status.handover)},
          {"mtu", status.mtu},
          {"interface", interface_json(status.external)},
          {"lease", status.own ? lease_json(*status.own, now) : json::OrderedValue(nullptr)},
          {"peers", peers_json(status, now)},
          {"kernel", kernel_json(status.kernel)},
          {"rules", rules_json(status.rules)},
          {"udp", udp_json(status.udp)},
          {"podPorts", {{"guarded", status.pod_ports.guarded}, {"open", status.pod_ports.open}}}};
}

json::OrderedValue leases_json(const AgentStatus& status, std::chrono::sys_seconds now) {
  return {{"own", status.own ? lease_json(*status.own, now) : json::OrderedValue(nullptr)},
          {"peers", peers_json(status, now)}};
}

json::OrderedValue routes_json(const AgentStatus& status) {
  json::OrderedValue routes = json::OrderedValue::array(), neighbours = json::OrderedValue::array(),
                     fdb = json::OrderedValue::array();
  for (const auto& [key, peer] : status.plans) {
    for (const PlannedRoute& route : peer.plan->routes)
      routes.push_back(
          json::OrderedValue{{"dst", route.dst.str()}, {"gw", or_null(route.gw)}, {"dev", route.link}});
    for (const PlannedNeighbour& neighbour : peer.plan->neighbours)
      neighbours.push_back(json::OrderedValue{
          {"address", neighbour.address.str()}, {"mac", neighbour.mac.str()}, {"dev", neighbour.link}});
    for (const PlannedFdbEntry& entry : peer.plan->fdb)
      fdb.push_back(
          json::OrderedValue{{"mac", entry.mac.str()}, {"dst", entry.dst.str()}, {"dev", entry.link}});
  }
  return {{"routes", routes}, {"neighbours", neighbours}, {"fdb", fdb}};
}

}  // namespace flanneld
