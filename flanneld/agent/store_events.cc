#include "flanneld/agent/store_events.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/base/time_text.h"

namespace flanneld {
namespace {

constexpr size_t kNamedPeers = 5;  // peers that a log line names; of more it gives the number

std::string name_of(const Lease& lease) {
  return fmt::format("{} at {}", lease.key.str(), node_address(lease.attributes));
}

void log_leases(FlapLog& log, const char* what, const std::vector<Lease>& leases) {
  if (leases.empty()) return;
  std::vector<std::string> names, subnets;
  for (size_t i = 0; i < leases.size() && i < kNamedPeers; ++i) {
    names.push_back(name_of(leases[i]));
    subnets.push_back(leases[i].key.str());
  }
  const auto line = [&](const std::vector<std::string>& named) {
    return fmt::format("{} {} {}: {}{}", leases.size(), leases.size() == 1 ? "peer" : "peers", what,
                       fmt::join(named, ", "), leases.size() > kNamedPeers ? ", …" : "");
  };
  log.log(base::LogLevel::info, line(subnets), line(names));
}

void log_peers(FlapLog& log, const PeerChange& change) {
  log_leases(log, "joined", change.joined);
  log_leases(log, "changed", change.changed);
  log_leases(log, "left", change.left);
  for (const auto& [lease, reason] : change.kept)
    log.log(base::LogLevel::warning, fmt::format("the peer {} has changed", lease.key.str()),
            fmt::format("the peer {}: {}", name_of(lease), reason));
  for (const auto& [lease, reason] : change.rejected)
    log.log(base::LogLevel::warning, fmt::format("the lease of the peer {} cannot be used", lease.key.str()),
            fmt::format("the lease of the peer {} cannot be used: {}", name_of(lease), reason));
}

/// Those that this node knew when it ended go before those that have come since: no newcomer shall have what
/// they have.
std::vector<Lease> known_first(std::vector<Lease> leases, const std::vector<Lease>& known) {
  std::map<LeaseKey, const LeaseAttributes*> before;
  for (const Lease& lease : known) before[lease.key] = &lease.attributes;
  std::stable_partition(leases.begin(), leases.end(), [&](const Lease& lease) {
    const auto found = before.find(lease.key);
    return found != before.end() && *found->second == lease.attributes;
  });
  return leases;
}

const char* describe(SubnetOrigin origin) {
  switch (origin) {
    case SubnetOrigin::own_lease:
      return "the node's own lease was in the store";
    case SubnetOrigin::kept:
      return "the subnet that the node had";
    case SubnetOrigin::fresh:
      return "fresh";
    case SubnetOrigin::assigned:
      return "the Node's podCIDR";
  }
  return "";
}

}  // namespace

void StoreEvents::take(const StoreEvent& event) {
  std::visit([this](const auto& one) { on(one); }, event);
}

void StoreEvents::on(const NodeRead& event) {
  state_.node = event;
  next_.node_changed();
}

void StoreEvents::on(const ConfigRead& event) {
  const bool is_agents_own = !options_.network_config.empty() && !options_.kube_subnet_mgr;
  if (is_agents_own || (state_.config && event.text == state_.config_text)) return;
  if (state_.backend && !saved_.are_in_use()) {
    state_.problems.config =
        "the network configuration in the store has changed; restart flanneld to apply it";
    base::log_warning(*state_.problems.config);
    const NetworkConfig before = *state_.config;
    take_lengths_of({event.text}, *state_.config);  // nodes that are restarted sooner have it already
    if (*state_.config != before) next_.attach();
    return next_.status_changed();
  }
  base::log_info("network configuration read");
  try {
    next_.use_config(event.text);
  } catch (const base::ParseError& error) {
    state_.problems.config = fmt::format("network configuration: {}", error.what());
    base::log_error(*state_.problems.config);
    saved_.hold();
    if (!state_.config)
      readiness_.wait(Phase::config,
                      fmt::format("a network configuration that can be used: {}", error.what()));
  }
}

void StoreEvents::on(const LeaseClaimed& event) {
  const Lease& own = event.own;
  ++state_.counters.claims;
  const bool moves = state_.own && state_.own->key != own.key;
  for (const std::string& subnet : event.refused)
    base::log_warning(fmt::format("an earlier subnet is given up: {}", subnet));
  if (moves)
    base::log_error(
        fmt::format("the subnet {} is lost to another node; pods with its addresses cannot be "
                    "reached from other nodes and must be made anew",
                    state_.own->key.str()));
  const std::string about = fmt::format("lease {} acquired: {}", own.key.str(), describe(event.origin));
  log_.log(base::LogLevel::info, about,
           fmt::format("{}{}", about, event.origin == SubnetOrigin::assigned ? "" : describe_expiry(own)));
  const bool is_new = !state_.own || moves || !readiness_.is_done();
  state_.own = own;
  saved_.drop();
  if (is_new)
    next_.attach();
  else
    next_.status_changed();
}

void StoreEvents::on(const LeaseRenewed& event) {
  ++state_.counters.renewals;
  state_.own = event.own;
  base::log_info(fmt::format("lease {} renewed{}", event.own.key.str(), describe_expiry(event.own)));
}

void StoreEvents::on(const ClaimFailed& event) {
  base::log_error(fmt::format("claim a lease: {}", event.reason));
  if (!state_.own) readiness_.wait(Phase::lease, fmt::format("a lease: {}", event.reason));
}

void StoreEvents::on(const LeaseContested& event) {
  log_.log(base::LogLevel::warning, "another node writes to this node's lease", event.reason);
  state_.problems.contest = event.reason;
  state_.problems.contested_at = EventLoop::Clock::now();
  next_.status_changed();
}

void StoreEvents::on(const LeasesListed& event) {
  ++state_.counters.lists;
  state_.cluster = event.cluster;
  const bool is_foreign = saved_.are_foreign_to(event.cluster);
  if (is_foreign)
    base::log_warning(
        "the servers of the lease store are another cluster's now; the saved leases are dropped");
  if (event.extent == LeasesListed::Extent::complete || is_foreign) {
    const bool has_known = saved_.waiting() && !is_foreign;
    peers_changed(
        state_.peers.reset(has_known ? known_first(event.leases, saved_.waiting()->peers) : event.leases));
    return;
  }
  base::log_warning(
      "the lease store was wiped, or this node was away for longer than a lease lasts; peers that it lacks "
      "are kept for a minute");
  if (saved_.waiting()) state_.peers.reset(saved_.waiting()->peers);
  peers_changed(state_.peers.merge(event.leases));
}

void StoreEvents::on(const LeasesChanged& event) {
  state_.counters.changes += event.events.size();
  peers_changed(state_.peers.apply(event.events));
}

/// Before the node has its lease nothing is logged: which lease of a list is its own is not known yet.
void StoreEvents::peers_changed(const PeerChange& change) {
  if (options_.no_subnet && !readiness_.is_done()) return next_.attach();
  if (change.empty()) return;
  if (readiness_.is_done()) log_peers(log_, change);
  next_.apply_peers();
}

void StoreEvents::on(const EntrySkipped& event) {
  ++state_.counters.skipped;
  const std::string about = fmt::format("skip the store's entry {}", base::quoted(event.entry));
  log_.log(base::LogLevel::warning, about, fmt::format("{}: {}", about, event.reason));
}

void StoreEvents::on(const StoreConnected& /*event*/) {
  if (state_.problems.store) base::log_info(fmt::format("the {} answers again", store_.describe()));
  state_.problems.store.reset();
  next_.status_changed();
}

void StoreEvents::on(const StoreUnreachable& event) {
  if (event.outage == StoreUnreachable::Outage::begins) {
    ++state_.counters.disconnects;
    base::log_warning(
        fmt::format("{}{}", event.reason, readiness_.is_done() ? "; the data path stays as it is" : ""));
  }
  state_.problems.store = event.reason;
  if (!readiness_.is_done()) readiness_.wait(readiness_.phase(), event.reason);
  next_.status_changed();
}

std::string StoreEvents::describe_expiry(const Lease& own) const {
  if (!own.expiry) return ", a reservation that does not expire";
  return fmt::format(", expires {}, next renewal {}", base::time_text(*own.expiry),
                     base::time_text(*own.expiry - options_.subnet_lease_renew_margin));
}

}  // namespace flanneld
