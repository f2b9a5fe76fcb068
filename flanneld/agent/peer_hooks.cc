#include "flanneld/agent/peer_hooks.h"

#include <fmt/format.h>

#include <utility>

#include "common/base/log.h"
#include "common/base/text.h"

namespace flanneld {
namespace {

constexpr size_t kMaxOutput = 64 << 10;

}  // namespace

PeerHooks::PeerHooks(EventLoop& loop, std::function<void()> changed)
    : loop_(loop), changed_(std::move(changed)) {}

void PeerHooks::use(PeerCommands commands, const PeerPlans& peers) {
  if (commands.empty() && told_.empty()) return;
  commands_ = std::move(commands);
  wanted_.clear();
  to_remove_.clear();
  to_add_.clear();
  for (const auto& [key, peer] : peers)
    if (peer.plan->notice) wanted_.emplace_hint(wanted_.end(), key, *peer.plan->notice);
  std::erase_if(failures_, [this](const auto& one) { return !wanted_.contains(one.first); });
  for (const auto& [key, notice] : told_)
    if (!wanted_.contains(key)) to_remove_.push_back(key);
  for (const auto& [key, notice] : wanted_) {
    const auto told = told_.find(key);
    if (told == told_.end() || told->second != notice) to_add_.push_back(key);
  }
  run_next();
}

void PeerHooks::run_next() {
  while (!run_ && !to_remove_.empty()) {
    const LeaseKey key = to_remove_.front();
    to_remove_.pop_front();
    const PlannedNotice notice = std::move(told_.at(key));
    told_.erase(key);
    if (!commands_.remove.empty()) run(key, notice, false);
  }
  while (!run_ && !to_add_.empty()) {
    const LeaseKey key = to_add_.front();
    to_add_.pop_front();
    const PlannedNotice& notice = told_[key] = wanted_.at(key);
    if (!commands_.add.empty()) run(key, notice, true);
  }
}

void PeerHooks::run(const LeaseKey& key, const PlannedNotice& notice, bool is_added) {
  const PlannedCommand command{
      .text = is_added ? commands_.add : commands_.remove,
      .variables = {fmt::format("SUBNET={}", notice.subnet), fmt::format("PUBLIC_IP={}", notice.address)},
      .input = notice.data};
  run_ = std::make_unique<CommandRun>(
      loop_, command, kMaxOutput, [this, key, is_added](const CommandResult& result) {
        if (!result.output.empty())
          base::log_debug(fmt::format("{} for {}: {}", is_added ? "SubnetAddCommand" : "SubnetRemoveCommand",
                                      key.str(), base::quoted(result.output)));
        finish(key, is_added, result.failure);
      });
}

void PeerHooks::finish(const LeaseKey& key, bool is_added, const std::optional<std::string>& failure) {
  const std::optional<std::string> before = problem();
  std::optional<std::string> reason;
  if (failure)
    reason = fmt::format("{} for {}: {}", is_added ? "SubnetAddCommand" : "SubnetRemoveCommand", key.str(),
                         *failure);
  if (reason) base::log_error(*reason);
  if (!is_added)
    removal_failure_ = reason;
  else if (!reason)
    failures_.erase(key);
  else if (wanted_.contains(key))
    failures_[key] = *reason;
  run_.reset();  // and with it the callback that this is called from
  run_next();
  if (problem() != before) changed_();
}

std::optional<std::string> PeerHooks::problem() const {
  if (failures_.empty()) return removal_failure_;
  return fmt::format("programs of the backend failed for {} {}, the first: {}", failures_.size(),
                     failures_.size() == 1 ? "peer" : "peers", failures_.begin()->second);
}

}  // namespace flanneld
