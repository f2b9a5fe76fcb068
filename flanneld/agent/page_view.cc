#include "flanneld/agent/page_view.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <set>
#include <utility>

#include "common/base/time_text.h"

namespace flanneld {
namespace {

using page::Tone;

std::string both(const std::optional<std::string>& v4, const std::optional<std::string>& v6) {
  if (v4 && v6) return fmt::format("{} {}", *v4, *v6);
  return v4.value_or(v6.value_or(""));
}

template <class Value>
std::optional<std::string> text_of(const std::optional<Value>& value) {
  return value ? std::optional(value->str()) : std::nullopt;
}

std::string subnets_of(const Lease& lease) {
  return both(text_of(lease.key.subnet), text_of(lease.key.ipv6_subnet));
}

std::string addresses_of(const LeaseAttributes& attributes) {
  const auto v4 =
      attributes.public_ip.is_unspecified() ? std::nullopt : std::optional(attributes.public_ip.str());
  return both(v4, text_of(attributes.public_ipv6));
}

std::string lease_text(const AgentStatus& status, std::chrono::sys_seconds now) {
  if (!status.own) return "none yet";
  if (!status.own->expiry) return fmt::format("{}, a reservation", subnets_of(*status.own));
  return fmt::format("{}, expires in {}", subnets_of(*status.own),
                     base::duration_text(*status.own->expiry - now));
}

std::string interface_text(const AgentStatus& status) {
  if (!status.external) return "none yet";
  const ExternalInterface& external = *status.external;
  return fmt::format("{} {}, MTU {}", external.name, both(text_of(external.ipv4), text_of(external.ipv6)),
                     external.mtu);
}

std::string devices_text(const AgentStatus& status) {
  std::set<std::string> links;
  for (const auto& [key, peer] : status.plans)
    for (const PlannedRoute& route : peer.plan->routes) links.insert(route.link);
  return links.empty() ? "none to peers" : fmt::format("{}", fmt::join(links, ", "));
}

std::string rules_text(const AgentStatus& status) {
  if (!status.rules) return "none yet";
  return status.rules->failure ? fmt::format("{}, failed: {}", status.rules->engine, *status.rules->failure)
                               : std::string(status.rules->engine);
}

void describe_probe(const ProbeRecord& record, uint32_t mtu, page::PeerView& peer) {
  switch (record.state) {
    case ProbeState::unknown:
      peer.tone = Tone::unsure;
      peer.state = record.said.empty() ? "not asked yet" : record.said;
      break;
    case ProbeState::reached:
      peer.tone = Tone::good;
      peer.state = "reached";
      peer.path_mtu = fmt::format("{}", mtu);
      break;
    case ProbeState::small_only:
      peer.tone = Tone::limited;
      peer.state = "large packets are lost";
      if (record.path_mtu != 0) peer.path_mtu = fmt::format("{} of {}", record.path_mtu, mtu);
      break;
    case ProbeState::bad_checksums:
      peer.tone = Tone::limited;
      peer.state = "the interface's checksums are wrong";
      break;
    case ProbeState::silent:
      peer.tone = Tone::bad;
      peer.state = record.said.empty() ? "does not answer" : fmt::format("does not answer ({})", record.said);
      break;
  }
}

/// Of two families the one that is worse.
void add_probes(const AgentStatus& status, const LeaseKey& key, std::chrono::sys_seconds now,
                page::PeerView& peer) {
  peer.state = "not asked";
  bool is_first = true;
  for (auto one = status.probes.lower_bound({key, base::Family::v4});
       one != status.probes.end() && one->first.first == key; ++one) {
    const ProbeRecord& record = one->second.record;
    page::PeerView view;
    describe_probe(record, status.mtu, view);
    if (!std::exchange(is_first, false) && view.tone <= peer.tone) continue;
    peer.tone = view.tone;
    peer.state = view.state;
    peer.path_mtu = view.path_mtu;
    peer.loss = record.history_len == 0 ? "" : fmt::format("{:.0f} %", record.loss() * 100);
    peer.round_trip.clear();
    if (record.round_trip && record.state != ProbeState::silent)
      peer.round_trip =
          fmt::format("{:.2f} ms", std::chrono::duration<double, std::milli>(*record.round_trip).count());
    if (record.state != ProbeState::unknown) peer.since = base::duration_text(now - record.since);
  }
}

page::PeerViews make_peer_views(const AgentStatus& status, std::chrono::sys_seconds now) {
  page::PeerViews peers;
  for (const auto& [key, lease] : status.peers) {
    page::PeerView peer;
    peer.subnet = subnets_of(lease);
    peer.node = addresses_of(lease.attributes);
    peer.backend = lease.attributes.backend_type;
    if (const auto rejected = status.rejected.find(key); rejected != status.rejected.end()) {
      peer.tone = Tone::bad;
      peer.state = fmt::format("not used: {}", rejected->second);
    } else {
      add_probes(status, key, now, peer);
      if (const auto kept = status.kept.find(key); kept != status.kept.end())
        peer.state = fmt::format("{}; as before: {}", peer.state, kept->second);
    }
    peers.push_back(std::move(peer));
  }
  return peers;
}

struct LevelView {
  const char* name;
  Tone tone;
};

LevelView view_of(base::LogLevel level) {
  switch (level) {
    case base::LogLevel::error:
      return {"error", Tone::bad};
    case base::LogLevel::warning:
      return {"warning", Tone::limited};
    case base::LogLevel::info:
    case base::LogLevel::debug:
      return {"info", Tone::good};
  }
  return {"", Tone::good};
}

}  // namespace

page::View make_page_view(const AgentStatus& status, const AgentEvents& events, const std::string& host,
                          std::chrono::sys_seconds now) {
  page::View view;
  view.host = host;
  view.version = PROJECT_VERSION;
  view.is_ready = !status.not_ready;
  if (status.not_ready) view.problems.push_back(*status.not_ready);
  for (const auto* problems : {&status.problems.own, &status.problems.elsewhere})
    view.problems.insert(view.problems.end(), problems->begin(), problems->end());
  view.facts = {{"Lease", lease_text(status, now)},
                {"Store", status.store},
                {"Interface", interface_text(status)},
                {"Backend", fmt::format("{}, MTU of pods {}{}", status.backend, status.mtu,
                                        status.handover ? fmt::format("; {}", *status.handover) : "")},
                {"Devices", devices_text(status)},
                {"Kernel", fmt::format("routes {}, neighbours {}, FDB entries {}", status.kernel.routes,
                                       status.kernel.neighbours, status.kernel.fdb_entries)},
                {"Rules", rules_text(status)},
                {"Repairs", fmt::format("{}", status.repairs())}};
  view.peers = make_peer_views(status, now);
  for (const AgentEvent& event : events)
    view.events.push_back({.time = base::time_text(std::chrono::floor<std::chrono::seconds>(event.time)),
                           .tone = view_of(event.level).tone,
                           .text = event.text});
  return view;
}

json::OrderedValue events_json(const AgentEvents& events) {
  json::OrderedValue all = json::OrderedValue::array();
  for (const AgentEvent& event : events)
    all.push_back(json::OrderedValue{
        {"time", base::time_text(event.time)}, {"level", view_of(event.level).name}, {"text", event.text}});
  return all;
}

}  // namespace flanneld
