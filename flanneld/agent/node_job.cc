#include "flanneld/agent/node_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "common/base/log.h"

namespace flanneld {
namespace {

/// The same for all ways to write a path.
std::string canonical(const std::string& path) {
  std::error_code error;
  const auto result = std::filesystem::weakly_canonical(path, error);
  return error ? path : result.string();
}

std::string describe(const Options& options) {
  return fmt::format("flanneld " PROJECT_VERSION ", {}", options.describe());
}

}  // namespace

std::unique_ptr<NameLock> NodeJob::make_lock(const std::string& what, std::function<void()> go_on) {
  const auto waits = [this, what](const NameLock::Party& holder) {
    has_waited_ = true;
    const std::string reason = fmt::format(
        "another flanneld on this node to end ({}): it has the {}. This one changes nothing meanwhile; end "
        "one of "
        "them, or give each its own --subnet-file and network",
        holder.str(), what);
    base::log_warning(fmt::format("waiting for {}", reason));
    events_.waits(reason);
  };
  const auto taken = [this, go_on = std::move(go_on)] {
    if (std::exchange(has_waited_, false)) {
      base::log_info("the other flanneld has ended, going on in its place");
      events_.taken_over();
    }
    go_on();
  };
  return std::make_unique<NameLock>(
      loop_, what, describe(options_),
      NameLock::Events{.taken = taken, .waits = waits, .waiters_changed = events_.changed});
}

void NodeJob::take_subnet_file(std::function<void()> go_on) {
  subnet_file_ = make_lock(fmt::format("subnet file {}", canonical(options_.subnet_file)), std::move(go_on));
  subnet_file_->take();
}

bool NodeJob::take_networks(const std::vector<base::IpNet>& networks, std::function<void()> go_on) {
  std::vector<std::string> wanted;
  wanted.reserve(networks.size());
  for (const base::IpNet& network : networks) wanted.push_back(fmt::format("pod network {}", network));
  std::ranges::sort(wanted);  // the same order for all agents
  if (wanted != wanted_) {
    networks_.clear();
    wanted_ = std::move(wanted);
  }
  const auto is_done = [&] {
    return networks_.size() == wanted_.size() && (networks_.empty() || networks_.back()->is_taken());
  };
  if (is_done()) return true;
  go_on_ = nullptr;
  if (networks_.empty()) take_next_network();
  if (is_done()) return true;
  go_on_ = std::move(go_on);
  return false;
}

/// One after the other: each is begun when the one before is taken.
void NodeJob::take_next_network() {
  if (networks_.size() == wanted_.size()) {
    if (go_on_) go_on_();
    return;
  }
  networks_.push_back(make_lock(wanted_[networks_.size()], [this] { take_next_network(); }));
  const auto* const next = networks_.back().get();
  try {
    networks_.back()->take();
  } catch (...) {
    if (!networks_.empty() && networks_.back().get() == next) networks_.pop_back();  // to be begun again
    throw;
  }
}

std::optional<std::string> NodeJob::problem() const {
  if (!subnet_file_) return std::nullopt;
  auto waiter = subnet_file_->is_taken() ? subnet_file_->find_waiter() : std::nullopt;
  for (const auto& one : networks_)
    if (!waiter && one->is_taken()) waiter = one->find_waiter();
  if (!waiter) return std::nullopt;
  return fmt::format("a second flanneld on this node waits for this one to end ({}); one of them is too many",
                     waiter->str());
}

}  // namespace flanneld
