#include "flanneld/commands/status_table.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <iterator>
#include <utility>

#include "common/base/time_text.h"
#include "flanneld/commands/table.h"

namespace flanneld {
namespace {

std::string text_of(const json::Value& object, const char* key) {
  const json::Value* value = json::find(object, key);
  if (!value) return "-";
  return value->is_string() ? value->get<std::string>() : value->dump();
}

/// The values of both families with a space between, or of the one that has a value.
std::string both(const json::Value& object, const char* v4, const char* v6) {
  std::string first = text_of(object, v4), second = text_of(object, v6);
  if (first == "-") return second;
  return second == "-" ? first : fmt::format("{} {}", first, second);
}

/// Numbers come from outside.
std::string duration_of(int64_t seconds) { return base::duration_text(std::chrono::seconds(seconds)); }

std::string lease_text(const json::Value& status) {
  const json::Value& lease = json::get_object(status, "lease", "");
  if (lease.empty()) return "none yet";
  const auto left = json::get_integer(lease, "expiresInSeconds", "lease", INT64_MIN, INT64_MAX);
  const std::string ends = !left       ? "a reservation"
                           : *left < 0 ? "over"
                                       : fmt::format("expires in {}", duration_of(*left));
  return fmt::format("{}, {}", both(lease, "subnet", "ipv6Subnet"), ends);
}

std::string rules_text(const json::Value& status) {
  const json::Value& rules = json::get_object(status, "rules", "");
  if (rules.empty()) return "none yet";
  const std::string failure = text_of(rules, "failure"), restored = text_of(rules, "restored");
  return fmt::format("{}{}{}", text_of(rules, "engine"),
                     failure == "-" ? "" : fmt::format(", failed: {}", failure),
                     restored == "0" ? "" : fmt::format(", restored {} times", restored));
}

std::string interface_text(const json::Value& status) {
  const json::Value& external = json::get_object(status, "interface", "");
  if (external.empty()) return "none yet";
  const std::string own = both(external, "ipv4", "ipv6"),
                    published = both(external, "publicIP", "publicIPv6");
  return fmt::format("{} {}{}, MTU {}, by {}", text_of(external, "name"), own,
                     published == own ? "" : fmt::format(", public {}", published), text_of(external, "mtu"),
                     text_of(external, "rule"));
}

std::string backend_text(const json::Value& status) {
  const std::string handover = text_of(status, "handover");
  return fmt::format("{}, MTU of pods {}{}", text_of(status, "backend"), text_of(status, "mtu"),
                     handover == "-" ? "" : fmt::format("; {}", handover));
}

std::string kernel_text(const json::Value& status) {
  const json::Value& kernel = json::get_object(status, "kernel", "");
  return fmt::format("routes {}, neighbours {}, FDB entries {}, repairs {}", text_of(kernel, "routes"),
                     text_of(kernel, "neighbours"), text_of(kernel, "fdbEntries"),
                     text_of(kernel, "repairs"));
}

/// What a peer may have written at any length, so that it fits into a column.
std::string shortened(const std::string& text) {
  constexpr size_t kMostBytes = 24;
  return text.size() > kMostBytes ? fmt::format("{}…", text.substr(0, kMostBytes)) : text;
}

/// A peer of another backend has other data, or none.
std::string vtep_mac(const json::Value& peer, const char* key) {
  const json::Value* data = json::find(peer, key);
  return data && data->is_object() ? text_of(*data, "VtepMAC") : "-";
}

/// What probes tell of one way to a peer.
std::string probe_text(const json::Value& probe) {
  const std::string state = text_of(probe, "state");
  if (state == "silent") return "does not answer";
  if (state == "small-only") return fmt::format("only packets of {} bytes pass", text_of(probe, "pathMtu"));
  if (state == "bad-checksums") return "the interface's checksums are wrong";
  if (state == "reached") return fmt::format("{} ms", text_of(probe, "roundTripMs"));
  return text_of(probe, "error") == "-" ? "not asked yet" : text_of(probe, "error");
}

/// The same of all ways; empty without probes.
std::string probes_text(const json::Value& peer) {
  const json::Value* probes = json::find(peer, "probes");
  std::string text;
  if (probes && probes->is_array())
    for (const json::Value& probe : *probes)
      fmt::format_to(std::back_inserter(text), ", {}", probe_text(probe));
  return text;
}

/// What its tunnel tells, of the first device if there are two.
std::string tunnel_text(const json::Value& peer) {
  const json::Value* tunnels = json::find(peer, "tunnels");
  if (!tunnels || !tunnels->is_array() || tunnels->empty()) return "reached";
  const json::Value& tunnel = tunnels->front();
  const auto age = json::get_integer(tunnel, "handshakeSecondsAgo", "tunnels", INT64_MIN, INT64_MAX);
  if (!age) return fmt::format("no handshake yet, at {}", text_of(tunnel, "endpoint"));
  return fmt::format("reached at {}, handshake {} ago", text_of(tunnel, "endpoint"), duration_of(*age));
}

std::vector<Row> peer_rows(const json::Value& status) {
  std::vector<Row> rows;
  for (const json::Value& peer : json::get_array(status, "peers", "")) {
    std::string mac = vtep_mac(peer, "backendData");
    if (mac == "-") mac = vtep_mac(peer, "backendV6Data");
    const std::string rejected = text_of(peer, "rejected"), kept = text_of(peer, "kept");
    rows.push_back({both(peer, "subnet", "ipv6Subnet"), both(peer, "publicIP", "publicIPv6"),
                    shortened(text_of(peer, "backendType")), shortened(mac),
                    rejected != "-" ? fmt::format("not used: {}", rejected)
                    : kept != "-"   ? fmt::format("as before: {}", kept)
                                    : fmt::format("{}{}", tunnel_text(peer), probes_text(peer))});
  }
  return rows;
}

}  // namespace

std::vector<std::string> status_findings(const json::Value& status) {
  std::vector<std::string> all = json::get_strings(status, "problems", "");
  if (const std::string reason = text_of(status, "notReadyReason"); reason != "-") all.push_back(reason);
  return all;
}

std::string status_table(const json::Value& status) {
  const bool ready = json::get_bool(status, "ready", "");
  const std::vector<Row> rows{
      {"flanneld", fmt::format("{}, {}", text_of(status, "version"), ready ? "ready" : "NOT READY")},
      {"store", text_of(status, "store")},
      {"interface", interface_text(status)},
      {"backend", backend_text(status)},
      {"lease", lease_text(status)},
      {"kernel", kernel_text(status)},
      {"rules", rules_text(status)}};
  std::string problems;
  for (const std::string& finding : status_findings(status))
    fmt::format_to(std::back_inserter(problems), "! {}\n", finding);
  for (const std::string& finding : json::get_strings(status, "problemsElsewhere", ""))
    fmt::format_to(std::back_inserter(problems), "! elsewhere: {}\n", finding);
  std::vector<Row> peers{{"SUBNET", "PUBLIC IP", "BACKEND", "VTEP MAC", "STATE"}};
  for (Row& row : peer_rows(status)) peers.push_back(std::move(row));
  return fmt::format("{}{}\n{}", columns(rows), problems, peers.size() == 1 ? "no peers\n" : columns(peers));
}

}  // namespace flanneld
