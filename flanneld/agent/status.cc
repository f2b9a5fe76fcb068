#include "flanneld/agent/status.h"

#include <iterator>

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

json::OrderedValue peers_json(const AgentStatus& status, std::chrono::sys_seconds now) {
  json::OrderedValue peers = json::OrderedValue::array();
  for (const auto& [key, lease] : status.peers) {
    json::OrderedValue peer = lease_json(lease, now);
    const auto rejected = status.rejected.find(key);
    if (rejected != status.rejected.end()) peer["rejected"] = rejected->second;
    peers.push_back(std::move(peer));
  }
  return peers;
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
          {"drift", kernel.drift.lines()}};
}

json::OrderedValue rules_json(const std::optional<TrafficStatus>& rules) {
  if (!rules) return nullptr;
  return {{"engine", rules->engine},
          {"restored", rules->restored},
          {"failure", or_null(rules->failure)},
          {"blocked", or_null(rules->blocked)}};
}

/// One metric of the text format, with the lines that explain it.
class Metrics {
 public:
  void add(const char* name, const char* type, const char* help, auto value) {
    const std::string full = std::string("flanneld_") + name;
    text_.append("# HELP ").append(full).append(" ").append(help).append("\n");
    text_.append("# TYPE ").append(full).append(" ").append(type).append("\n");
    text_.append(full).append(" ").append(std::to_string(value)).append("\n");
  }
  void counter(const char* name, const char* help, auto value) { add(name, "counter", help, value); }
  void gauge(const char* name, const char* help, auto value) { add(name, "gauge", help, value); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace

json::OrderedValue status_json(const AgentStatus& status, std::chrono::sys_seconds now) {
  return {{"version", PROJECT_VERSION},
          {"ready", !status.not_ready},
          {"notReadyReason", or_null(status.not_ready)},
          {"problems", status.problems},
          {"store", status.store},
          {"storeProblem", or_null(status.store_problem)},
          {"backend", status.backend},
          {"mtu", status.mtu},
          {"interface", interface_json(status.external)},
          {"lease", status.own ? lease_json(*status.own, now) : json::OrderedValue(nullptr)},
          {"peers", peers_json(status, now)},
          {"kernel", kernel_json(status.kernel)},
          {"rules", rules_json(status.rules)}};
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

std::string metrics_text(const AgentStatus& status, std::chrono::sys_seconds now) {
  Metrics metrics;
  metrics.gauge("ready", "1 when pods can be made on this node.", status.not_ready ? 0 : 1);
  metrics.gauge("store_connected", "1 when the lease store answers.", status.store_problem ? 0 : 1);
  metrics.gauge("peers", "Leases of other nodes.", status.peers.size());
  metrics.gauge("peers_rejected", "Leases of other nodes that cannot be used.", status.rejected.size());
  metrics.gauge("routes", "Routes to other nodes that the kernel should have.", status.kernel.routes);
  metrics.gauge("kernel_failures", "Kernel objects that could not be made as wanted.",
                status.kernel.failures.count());
  metrics.gauge("kernel_drift", "Kernel objects that somebody else changed and that stay so (--heal=false).",
                status.kernel.drift.count());
  metrics.counter("kernel_writes_total", "Netlink requests that change something.", status.kernel.writes);
  metrics.counter("kernel_passes_total", "Full comparisons with the kernel.", status.kernel.passes);
  metrics.counter("repairs_total", "Times that a foreign change of kernel objects was undone.",
                  status.kernel.repairs);
  if (status.rules) {
    metrics.counter("rules_restored_total", "Times that a foreign change of packet filter rules was undone.",
                    status.rules->restored);
    metrics.gauge("rules_failed", "1 when the packet filter rules are not as wanted.",
                  status.rules->failure ? 1 : 0);
    metrics.gauge("forward_blocked", "1 when another chain drops the pods' forwarded packets.",
                  status.rules->blocked ? 1 : 0);
  }
  metrics.counter("store_lists_total", "Complete lists of leases taken from the store.",
                  status.counters.lists);
  metrics.counter("store_changes_total", "Lease changes taken from the store's watch.",
                  status.counters.changes);
  metrics.counter("store_skipped_total", "Entries of the store that could not be read.",
                  status.counters.skipped);
  metrics.counter("store_disconnects_total", "Times that the store went away.", status.counters.disconnects);
  metrics.counter("lease_claims_total", "Times that the own lease was claimed.", status.counters.claims);
  metrics.counter("lease_renewals_total", "Times that the own lease was renewed.", status.counters.renewals);
  if (status.own && status.own->expiry)
    metrics.gauge("lease_expires_seconds", "Seconds until the own lease ends.",
                  (*status.own->expiry - now).count());
  return metrics.text();
}

}  // namespace flanneld
