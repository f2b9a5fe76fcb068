#include "flanneld/agent/peer_probes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "common/base/log.h"

namespace flanneld {
namespace {

constexpr std::chrono::milliseconds kUseTogether{1000}, kLogTogether{1000};
constexpr size_t kNamedPeers = 5;  // that a log line names

bool is_well(ProbeState state) { return state == ProbeState::unknown || state == ProbeState::reached; }

const char* describe(ProbeState state, bool is_one) {
  switch (state) {
    case ProbeState::silent:
      return is_one ? "does not answer" : "do not answer";
    case ProbeState::small_only:
      return is_one ? "gets no packets of the pods' MTU" : "get no packets of the pods' MTU";
    case ProbeState::bad_checksums:
      return is_one ? "gets no packets whose checksum the interface makes"
                    : "get no packets whose checksum the interface makes";
    case ProbeState::unknown:
    case ProbeState::reached:
      return is_one ? "is reached" : "are reached";
  }
  return "";
}

std::string name_of_path(const ProbeResult& result) {
  return fmt::format("{} at {}", result.target.subnet, result.target.node.front());
}

std::string advise_silent(const ProbeAdvice& advice) {
  if (advice.port != 0)
    return fmt::format(
        "see that the node runs, and that UDP port {} passes between the nodes both ways: firewalls, "
        "security "
        "groups",
        advice.port);
  if (advice.backend == "ipip")
    return "see that the node runs, and that IP protocol 4 passes between the nodes both ways: firewalls, "
           "security groups";
  return "see that the node runs, and that the network between the nodes lets packets with pods' addresses "
         "pass: in clouds the check of source and destination must be off";
}

std::string advise_small_only(const ProbeAdvice& advice, uint32_t path_mtu) {
  if (path_mtu == 0 || path_mtu >= advice.pod_mtu)
    return fmt::format(
        "set a lower MTU on '{}' of all nodes, or let the network between them take more than {}",
        advice.uplink, advice.uplink_mtu);
  return fmt::format(
      "the largest packet of a pod that passes has {} bytes of {}: the network between the nodes takes {} "
      "bytes, less than '{}' with its MTU of {}; set that on '{}' of all nodes, or mend the network",
      path_mtu, advice.pod_mtu, advice.uplink_mtu - (advice.pod_mtu - path_mtu), advice.uplink,
      advice.uplink_mtu, advice.uplink);
}

std::string advise_checksums(const ProbeAdvice& advice) {
  if (advice.backend == "vxlan")
    return fmt::format(
        "'{}' or the virtual machine's host makes wrong checksums in tunnel packets: set "
        "\"ChecksumOffload\": "
        "false in the backend's configuration",
        advice.uplink);
  return fmt::format("'{0}' or the virtual machine's host makes wrong checksums: ethtool -K {0} tx off",
                     advice.uplink);
}

}  // namespace

ProbeAdvice make_probe_advice(const NodeState& state) {
  ProbeAdvice advice;
  advice.backend = state.config->backend_type;
  advice.pod_mtu = state.backend->mtu();
  for (const TunnelPort& one : state.backend->tunnel_ports()) advice.port = one.port;
  if (const auto tunnel = state.backend->packet_tunnel()) advice.port = tunnel->port;
  if (state.external) {
    advice.uplink = state.external->name;
    advice.uplink_mtu = state.external->mtu;
  }
  return advice;
}

std::string advise(const ProbeAdvice& advice, const ProbeRecord& record, ProbeState state) {
  switch (state) {
    case ProbeState::silent:
      return advise_silent(advice);
    case ProbeState::small_only:
      return advise_small_only(advice, record.path_mtu);
    case ProbeState::bad_checksums:
      return advise_checksums(advice);
    case ProbeState::unknown:
    case ProbeState::reached:
      return {};
  }
  return {};
}

void add_probe_problems(const Prober& prober, const ProbeAdvice& advice, Problems& problems) {
  struct Trouble {
    size_t count = 0;
    const ProbeResult* first = nullptr;
  };
  std::map<ProbeState, Trouble> troubles;
  size_t paths = 0;
  prober.visit([&](const ProbePath&, const ProbeResult& result) {
    ++paths;
    if (is_well(result.record.state)) return;
    Trouble& trouble = troubles[result.record.state];
    if (++trouble.count == 1) trouble.first = &result;
  });
  for (const auto& [state, trouble] : troubles) {
    const ProbeRecord& record = trouble.first->record;
    auto& told = is_with_most(trouble.count, paths) ? problems.own : problems.elsewhere;
    told.push_back(fmt::format("{} of {} peers {}, the first is {}{}: {}", trouble.count, paths,
                               describe(state, trouble.count == 1), name_of_path(*trouble.first),
                               record.said.empty() ? "" : fmt::format(" ({})", record.said),
                               advise(advice, record, state)));
  }
}

PeerProbes::PeerProbes(EventLoop& loop, const Options& options, const NodeState& state,
                       std::function<void()> changed)
    : state_(state),
      changed_(std::move(changed)),
      prober_(loop, options.probe_interval, [this](const Prober::Change& change) { note(change); }),
      use_timer_(loop, [this] { use(); }),
      log_timer_(loop, [this] { log_changes(); }) {}

void PeerProbes::use() {
  use_timer_.cancel();
  if (!state_.own || !state_.backend || !state_.config) return;
  advice_ = make_probe_advice(state_);
  const bool has_devices = !state_.backend->node_plan(&state_.own->key).devices.empty();
  prober_.use(*state_.own, state_.peers.leases(), state_.peers.plans(), has_devices, advice_.pod_mtu);
}

void PeerProbes::use_soon() {
  if (!use_timer_.armed()) use_timer_.start(kUseTogether);
}

void PeerProbes::add_problems(Problems& problems) const {
  add_probe_problems(prober_, advice_, problems);
  if (prober_.problem()) problems.own.push_back(*prober_.problem());
}

void PeerProbes::note(const Prober::Change& /*change*/) {
  if (!log_timer_.armed()) log_timer_.start(kLogTogether);
  changed_();
}

/// Many peers are lost, and come back, together: one line tells of all.
void PeerProbes::log_changes() {
  std::map<ProbePath, ProbeState> troubled;
  std::map<ProbeState, std::vector<const ProbeResult*>> changed;
  prober_.visit([&](const ProbePath& path, const ProbeResult& result) {
    const auto logged = logged_.find(path);
    const ProbeState before = logged == logged_.end() ? ProbeState::reached : logged->second;
    const ProbeState now = is_well(result.record.state) ? ProbeState::reached : result.record.state;
    if (now != ProbeState::reached) troubled.emplace_hint(troubled.end(), path, now);
    if (now != before) changed[now].push_back(&result);
  });
  logged_ = std::move(troubled);
  for (const auto& [state, all] : changed) {
    std::vector<std::string> names;
    for (size_t i = 0; i < all.size() && i < kNamedPeers; ++i) names.push_back(name_of_path(*all[i]));
    const bool is_one = all.size() == 1;
    const std::string line = fmt::format("{} {} {}{}: {}{}", all.size(), is_one ? "peer" : "peers",
                                         describe(state, is_one), is_well(state) ? " again" : "",
                                         fmt::join(names, ", "), names.size() < all.size() ? ", …" : "");
    const std::string advice = advise(advice_, all.front()->record, state);
    log_.log(is_well(state) ? base::LogLevel::info : base::LogLevel::warning, line,
             advice.empty() ? line : fmt::format("{}: {}", line, advice));
  }
}

}  // namespace flanneld
