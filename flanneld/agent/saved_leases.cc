// What the agent knows from before its start, and keeps for the next one.
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "flanneld/agent/agent.h"
#include "flanneld/node/subnet_file.h"
#include "flanneld/store/factory.h"

namespace flanneld {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// So long a store may take to answer before the node comes up with the leases that it saved.
constexpr milliseconds kStoreGrace = seconds(3);
/// Changes of leases are saved together.
constexpr milliseconds kSaveDelay = seconds(2);
constexpr milliseconds kSaveRetry = seconds(10);

}  // namespace

void Agent::read_previous_subnet() {
  try {
    previous_ = read_previous_lease(options_.subnet_file);
    if (previous_) base::log_info("this node had the subnet " + previous_->str() + " before");
  } catch (const std::exception& error) {
    base::log_warning(std::string("read the subnet that the node had: ") + error.what() + ", ignoring");
  }
}

void Agent::load_saved_state() {
  if (options_.state_file.empty()) return;
  try {
    saved_ = load_state(options_.state_file);
  } catch (const std::exception& error) {
    base::log_warning("read the saved leases in " + options_.state_file + ": " + error.what() + ", ignoring");
  }
  if (saved_ && saved_->store != store_identity(options_)) saved_.reset();
  if (saved_) saved_timer_.start(kStoreGrace);
}

void Agent::use_saved_state() {
  if (own_ || !saved_) return;
  base::log_warning("the lease store does not answer, going on with the " +
                    std::to_string(saved_->peers.size()) + " peers' leases saved in " + options_.state_file);
  const SavedState saved = *std::exchange(saved_, std::nullopt);
  try {
    const NetworkConfig config = config_ ? *config_ : NetworkConfig::parse(saved.network_config);
    if (const auto fault = find_fault(saved.own, config, nullptr))
      throw base::ParseError("the lease of this node: " + *fault);
    own_ = saved.own;
    peers_.reset(saved.peers);
    runs_from_saved_ = true;
    if (config_)
      attach();
    else
      use_config(saved.network_config);
  } catch (const base::ParseError& error) {
    base::log_warning("use the saved leases: " + std::string(error.what()) + ", ignoring");
    own_.reset();
    runs_from_saved_ = false;
  }
}

void Agent::save_soon() {
  if (!save_timer_.armed()) save_timer_.start(kSaveDelay);
}

void Agent::save() {
  if (!own_ || runs_from_saved_ || options_.state_file.empty()) return;
  SavedState state{store_identity(options_), config_text_, *own_, {}};
  for (const auto& [key, lease] : peers_.leases()) state.peers.push_back(lease);
  try {
    save_state(options_.state_file, std::exchange(state, {}));
    save_problem_.reset();
  } catch (const base::SystemError& error) {
    if (!save_problem_) base::log_warning(std::string("save the leases: ") + error.what());
    save_problem_ = std::string("the leases cannot be saved: ") + error.what();
    save_timer_.start(kSaveRetry);
  }
}

}  // namespace flanneld
