#include "flanneld/agent/probe_status.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <iterator>

namespace flanneld {
namespace {

constexpr size_t kNamedPaths = 100;
constexpr std::array kStates{ProbeState::unknown, ProbeState::reached, ProbeState::silent,
                             ProbeState::small_only, ProbeState::bad_checksums};

json::OrderedValue milliseconds_json(const std::optional<std::chrono::nanoseconds>& time) {
  if (!time) return nullptr;
  return std::round(std::chrono::duration<double, std::milli>(*time).count() * 1000) / 1000;
}

json::OrderedValue path_mtu_json(const ProbeRecord& record, uint32_t mtu) {
  if (record.state == ProbeState::reached || record.state == ProbeState::bad_checksums) return mtu;
  if (record.state == ProbeState::small_only && record.path_mtu != 0) return record.path_mtu;
  return nullptr;
}

void add_states(std::string& text, const ProbeResults& results) {
  std::array<size_t, kStates.size()> counts{};
  std::string failing;
  size_t named = 0;
  for (const auto& [path, result] : results) {
    const ProbeState state = result.record.state;
    ++counts[static_cast<size_t>(state)];
    if (state == ProbeState::unknown || state == ProbeState::reached || ++named > kNamedPaths) continue;
    fmt::format_to(std::back_inserter(failing),
                   "flanneld_probe_path_failing{{subnet=\"{}\",node=\"{}\",state=\"{}\"}} 1\n",
                   result.target.subnet, result.target.node.front(), name_of(state));
  }
  text.append(
      "# HELP flanneld_probe_paths Ways to peers, one for each address family, by what probes say of them.\n"
      "# TYPE flanneld_probe_paths gauge\n");
  for (const ProbeState state : kStates)
    fmt::format_to(std::back_inserter(text), "flanneld_probe_paths{{state=\"{}\"}} {}\n", name_of(state),
                   counts[static_cast<size_t>(state)]);
  if (failing.empty()) return;
  text.append(
      "# HELP flanneld_probe_path_failing Ways to peers that do not carry all packets; the first 100.\n"
      "# TYPE flanneld_probe_path_failing gauge\n");
  text.append(failing);
}

}  // namespace

json::OrderedValue probes_json(const ProbeResults& results, const LeaseKey& peer, uint32_t mtu,
                               std::chrono::sys_seconds now) {
  json::OrderedValue probes = json::OrderedValue::array();
  for (auto one = results.lower_bound({peer, base::Family::v4});
       one != results.end() && one->first.first == peer; ++one) {
    const auto& [target, record] = one->second;
    json::OrderedValue probe{{"asked", target.address.str()},
                             {"device", target.link},
                             {"state", name_of(record.state)},
                             {"stateSeconds", nullptr},
                             {"roundTripMs", milliseconds_json(record.round_trip)},
                             {"loss", std::round(record.loss() * 1000) / 1000},
                             {"pathMtu", path_mtu_json(record, mtu)},
                             {"error", nullptr}};
    if (record.state != ProbeState::unknown) probe["stateSeconds"] = (now - record.since).count();
    if (!record.said.empty()) probe["error"] = record.said;
    probes.push_back(std::move(probe));
  }
  return probes;
}

std::string probe_metrics(const ProbeResults& results, const ProbeCounters& counters) {
  std::string text = fmt::format(
      "# HELP flanneld_probes_sent_total Packets that asked peers for an answer.\n"
      "# TYPE flanneld_probes_sent_total counter\nflanneld_probes_sent_total {}\n"
      "# HELP flanneld_probes_answered_total Of those, how many were answered.\n"
      "# TYPE flanneld_probes_answered_total counter\nflanneld_probes_answered_total {}\n",
      counters.sent, counters.answered);
  add_states(text, results);
  const RoundTrips& trips = counters.round_trips;
  text.append(
      "# HELP flanneld_probe_round_trip_seconds Time from a small probe to its answer.\n"
      "# TYPE flanneld_probe_round_trip_seconds histogram\n");
  for (size_t i = 0; i < RoundTrips::kBounds.size(); ++i)
    fmt::format_to(std::back_inserter(text), "flanneld_probe_round_trip_seconds_bucket{{le=\"{}\"}} {}\n",
                   RoundTrips::kBounds[i], trips.within[i]);
  fmt::format_to(std::back_inserter(text),
                 "flanneld_probe_round_trip_seconds_bucket{{le=\"+Inf\"}} {0}\n"
                 "flanneld_probe_round_trip_seconds_sum {1:.9f}\n"
                 "flanneld_probe_round_trip_seconds_count {0}\n",
                 trips.count, std::chrono::duration<double>(trips.sum).count());
  return text;
}

}  // namespace flanneld
