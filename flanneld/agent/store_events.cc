// What the agent does about each event of the store.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "common/base/error.h"
#include "common/base/log.h"
#include "flanneld/agent/agent.h"

namespace flanneld {
namespace {

using std::chrono::milliseconds;

/// A burst of changes goes to the kernel in portions, as each costs a pass over all peers.
constexpr milliseconds kApplyGap{20};
constexpr size_t kNamedPeers = 5;  // peers that a log line names; of more it tells the number

std::string name_of(const Lease& lease) {
  return fmt::format("{} at {}", lease.key.str(), node_address(lease.attributes));
}

void log_leases(const char* what, const std::vector<Lease>& leases) {
  if (leases.empty()) return;
  std::string text = std::to_string(leases.size()) + (leases.size() == 1 ? " peer " : " peers ") + what;
  for (size_t i = 0; i < leases.size() && i < kNamedPeers; ++i)
    text += (i == 0 ? ": " : ", ") + name_of(leases[i]);
  base::log_info(leases.size() > kNamedPeers ? text + ", …" : text);
}

}  // namespace

void Agent::on(const ConfigRead& event) {
  const std::string& text = event.text;
  if (!options_.network_config.empty() || (config_ && text == config_text_)) return;
  if (config_ && !runs_from_saved_) {
    base::log_warning("the network configuration in the store has changed; restart flanneld to apply it");
    config_problem_ = "the network configuration in the store has changed; restart flanneld to apply it";
    status_changed();
    return;
  }
  base::log_info("network configuration read");
  try {
    use_config(text);
  } catch (const base::ParseError& error) {
    base::log_error("network configuration: " + std::string(error.what()));
    config_problem_ = "network configuration: " + std::string(error.what());
    if (!config_) wait_because("a network configuration that can be used: " + std::string(error.what()));
  }
}

void Agent::on(const LeaseRenewed& event) {
  const Lease& own = event.own;
  ++counters_.renewals;
  own_ = own;
  base::log_info("lease " + own.key.str() + " renewed" + describe_expiry(own));
}

void Agent::on(const ClaimFailed& event) {
  const std::string& reason = event.reason;
  base::log_error("claim a lease: " + reason);
  if (!own_) wait_because("a lease: " + reason);
}

void Agent::on(const LeasesListed& event) {
  const bool is_wiped = event.extent == LeasesListed::Extent::after_wipe;
  ++counters_.lists;
  if (is_wiped) {
    base::log_warning(
        "the lease store was wiped, or this node was away for longer than a lease lasts; peers that it lacks "
        "are kept for a minute");
    if (saved_) peers_.reset(saved_->peers);
  }
  peers_changed(is_wiped ? peers_.merge(event.leases) : peers_.reset(event.leases));
}

void Agent::on(const LeasesChanged& event) {
  counters_.changes += event.events.size();
  peers_changed(peers_.apply(event.events));
}

/// The one way from the store to the kernel, for lists and for events.
void Agent::peers_changed(const PeerChange& change) {
  if (change.empty()) return;
  save_soon();
  if (!attached_) return;  // which lease is our own is not known yet
  log_peers(change);
  if (peers_timer_.armed()) return;
  const auto quiet = EventLoop::Clock::now() - peers_applied_;
  peers_timer_.start(std::max(milliseconds(0), std::chrono::ceil<milliseconds>(kApplyGap - quiet)));
}

void Agent::apply_peers() {
  reconciler_.apply(peers_.plans());
  peers_applied_ = EventLoop::Clock::now();
  status_changed();
}

void Agent::log_peers(const PeerChange& change) const {
  log_leases("joined", change.joined);
  log_leases("changed", change.changed);
  log_leases("left", change.left);
  for (const auto& [lease, reason] : change.rejected)
    base::log_warning("the lease of the peer " + name_of(lease) + " cannot be used: " + reason);
}

void Agent::on(const EntrySkipped& event) {
  ++counters_.skipped;
  base::log_warning("skip the store's entry '" + event.entry + "': " + event.reason);
}

void Agent::on(const StoreConnected&) {
  if (store_problem_) base::log_info("the " + store_->describe() + " answers again");
  store_problem_.reset();
  status_changed();
}

void Agent::on(const StoreUnreachable& event) {
  const std::string& reason = event.reason;
  if (event.outage == StoreUnreachable::Outage::begins) {
    ++counters_.disconnects;
    base::log_warning(reason + (attached_ ? "; the data path stays as it is" : ""));
  }
  store_problem_ = reason;
  if (!attached_) wait_because(reason);
  status_changed();
}

}  // namespace flanneld
