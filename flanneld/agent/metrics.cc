#include "flanneld/agent/metrics.h"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

#include "flanneld/agent/probe_status.h"

namespace flanneld {
namespace {

/// One metric of the text format, with the lines that explain it.
class Metrics {
 public:
  void add(std::string_view name, std::string_view type, std::string_view help, auto value) {
    fmt::format_to(std::back_inserter(text_),
                   "# HELP flanneld_{0} {2}\n# TYPE flanneld_{0} {1}\nflanneld_{0} {3}\n", name, type, help,
                   value);
  }
  void counter(const char* name, const char* help, auto value) { add(name, "counter", help, value); }
  void gauge(const char* name, const char* help, auto value) { add(name, "gauge", help, value); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void add_udp(Metrics& metrics, const UdpCounters& udp) {
  metrics.counter("udp_sent_packets_total", "Packets of pods sent to other nodes.", udp.sent);
  metrics.counter("udp_sent_bytes_total", "Bytes of these packets.", udp.sent_bytes);
  metrics.counter("udp_received_packets_total", "Packets received from other nodes.", udp.received);
  metrics.counter("udp_received_bytes_total", "Bytes of these packets.", udp.received_bytes);
  metrics.counter("udp_no_node_total", "Packets dropped because no node has their destination.", udp.no_node);
  metrics.counter("udp_stranger_total", "Packets dropped because they came from no node's address.",
                  udp.stranger);
  metrics.counter("udp_forged_total",
                  "Packets dropped because their source is no pod of the node they came from.", udp.forged);
  metrics.counter("udp_malformed_total", "Packets dropped because they could not be understood.",
                  udp.malformed);
  metrics.counter("udp_unsent_total", "Packets dropped because the kernel did not take them.", udp.unsent);
}

}  // namespace

std::string metrics_text(const AgentStatus& status, const std::optional<flannel::PodAddresses>& addresses,
                         std::chrono::sys_seconds now) {
  Metrics metrics;
  metrics.gauge("ready", "1 when pods can be made on this node.", status.not_ready ? 0 : 1);
  metrics.gauge("store_connected", "1 when the lease store answers.", status.store_problem ? 0 : 1);
  metrics.gauge("peers", "Leases of other nodes.", status.peers.size());
  metrics.gauge("peers_rejected", "Leases of other nodes that cannot be used.", status.rejected.size());
  metrics.gauge("routes", "Routes to other nodes that the kernel should have.", status.kernel.routes);
  metrics.gauge("kernel_failures", "Kernel objects that could not be made as wanted.",
                status.kernel.failures.count());
  metrics.gauge("peer_failures", "Kernel objects for other nodes that could not be made.",
                status.kernel.peer_failures.count());
  metrics.gauge("kernel_drift", "Kernel objects that somebody else changed and that stay so (--heal=false).",
                status.kernel.drift.count());
  metrics.counter("kernel_writes_total", "Netlink requests that change something.", status.kernel.writes);
  metrics.counter("kernel_passes_total", "Full comparisons with the kernel.", status.kernel.passes);
  metrics.counter(
      "repairs_total",
      "Times that a foreign change of kernel objects, packet filter rules or settings was undone.",
      status.repairs());
  if (status.rules) {
    metrics.counter("rules_restored_total", "Times that a foreign change of packet filter rules was undone.",
                    status.rules->restored);
    metrics.gauge("rules_failed", "1 when the packet filter rules are not as wanted.",
                  status.rules->failure ? 1 : 0);
    metrics.gauge("forward_blocked", "1 when another chain drops the pods' forwarded packets.",
                  status.rules->blocked ? 1 : 0);
  }
  if (status.udp) add_udp(metrics, *status.udp);
  metrics.counter("store_lists_total", "Complete lists of leases taken from the store.",
                  status.counters.lists);
  metrics.counter("store_changes_total", "Lease changes taken from the store's watch.",
                  status.counters.changes);
  metrics.counter("store_skipped_total", "Entries of the store that could not be read.",
                  status.counters.skipped);
  metrics.gauge("store_unusable_entries", "Entries of the store that are passed over.",
                status.unusable_entries);
  metrics.counter("store_disconnects_total", "Times that the store went away.", status.counters.disconnects);
  metrics.counter("lease_claims_total", "Times that the own lease was claimed.", status.counters.claims);
  metrics.counter("lease_renewals_total", "Times that the own lease was renewed.", status.counters.renewals);
  if (status.own && status.own->expiry)
    metrics.gauge("lease_expires_seconds", "Seconds until the own lease ends.",
                  (*status.own->expiry - now).count());
  metrics.gauge("pod_ports_guarded", "Ports of pods whose packets' sources are checked.",
                status.pod_ports.guarded);
  metrics.gauge("pod_ports_open", "Ports of pods whose packets' sources are not checked.",
                status.pod_ports.open);
  if (addresses) {
    metrics.gauge("pod_addresses", "Addresses of the node's subnet that pods can have.", addresses->usable);
    metrics.gauge("pod_addresses_held", "Of those, how many are held.", addresses->held);
  }
  return fmt::format("{}{}{}", metrics.text(), probe_metrics(status.probes, status.probe_counters),
                     tunnel_metrics(status.plans, TunnelLookup(status.tunnels), now));
}

}  // namespace flanneld
