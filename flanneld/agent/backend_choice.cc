#include "flanneld/agent/backend_choice.h"

#include <fmt/format.h>

#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "flanneld/backend/registry.h"

namespace flanneld {

BackendChoice::BackendChoice(EventLoop& loop, std::function<void()> ended)
    : ended_(std::move(ended)), grace_(loop, [this] { end(); }) {}

void BackendChoice::came_from(const std::vector<std::string>& earlier, const NetworkConfig& now,
                              NetworkConfig::Subnets subnets) {
  text_.clear();
  former_.reset();
  for (const std::string& text : earlier) try {
      NetworkConfig config = NetworkConfig::parse(text, subnets);
      if (config.backend == now.backend) continue;
      if (!serves_beside_another(config.backend_type)) return;
      former_ = std::move(config);
      text_ = text;
      return;
    } catch (const base::ParseError& error) {
      base::log_debug(fmt::format("an earlier configuration: {}", error.what()));
    }
}

std::shared_ptr<const Backend> BackendChoice::make(const BackendContext& context) {
  const bool is_new = !both_;
  both_.reset();
  std::shared_ptr<const Backend> now = make_backend(context);
  now_ = context.config.backend_type;
  if (!former_) return now;
  NetworkConfig config = context.config;  // the peers' subnets are the present ones
  config.backend = former_->backend;
  config.backend_type = former_->backend_type;
  try {
    BackendContext before = {.config = config,
                             .external = context.external,
                             .devices = context.devices,
                             .routes = context.routes,
                             .published = context.published,
                             .wireguard_key = context.wireguard_key};
    std::shared_ptr<const Backend> former = make_backend(before);
    if (!can_serve_beside(*former, *now)) return now;
    both_ = std::make_shared<const Handover>(now, std::move(former));
  } catch (const base::ParseError& error) {
    base::log_warning(fmt::format("go on with backend {} until the peers have changed to {}: {}, ignoring",
                                  base::quoted(former_->backend_type), base::quoted(now_), error.what()));
    return now;
  }
  if (is_new)
    base::log_info(
        fmt::format("the backend changes from {} to {}: peers that have the former one are reached by "
                    "that until they change too",
                    base::quoted(former_->backend_type), base::quoted(now_)));
  return both_;
}

void BackendChoice::look(const PeerSet& peers) {
  behind_.clear();
  if (!both_) return;
  for (const auto& [key, lease] : peers.leases())
    if (peers.plans().contains(key) && both_->needs_former(lease)) behind_.push_back(key);
  if (!behind_.empty())
    grace_.cancel();
  else if (!grace_.armed())
    grace_.start(kGrace);
}

void BackendChoice::end() {
  base::log_info(fmt::format("no peer has backend {} any more: the change to {} is done",
                             base::quoted(former_->backend_type), base::quoted(now_)));
  text_.clear();
  former_.reset();
  both_.reset();
  ended_();
}

std::optional<std::string> BackendChoice::describe() const {
  if (!both_) return std::nullopt;
  const std::string change = fmt::format("the backend changes from {} to {}",
                                         base::quoted(former_->backend_type), base::quoted(now_));
  if (behind_.empty()) return fmt::format("{}: all peers have", change);
  return fmt::format("{}: {} {} not yet, the first: {}", change, behind_.size(),
                     behind_.size() == 1 ? "peer has" : "peers have", behind_.front().str());
}

}  // namespace flanneld
