#include "flanneld/agent/readiness.h"

#include <fmt/format.h>

#include <utility>

#include "flanneld/io/sd_notify.h"

namespace flanneld {

void Readiness::wait(Phase phase, std::string reason) {
  if (!is_done()) phase_ = phase;
  reason_ = std::move(reason);
  notify_service_manager(fmt::format("STATUS=waiting for {}", *reason_));
}

void Readiness::finish() {
  phase_ = Phase::done;
  reason_.reset();
}

void Readiness::restart() { phase_ = Phase::config; }

bool Readiness::announce(const std::string& subnet) {
  if (is_announced_) return false;
  is_announced_ =
      notify_service_manager(fmt::format("READY=1\nSTATUS=subnet {}", subnet)) != Notified::not_now;
  return is_announced_;
}

}  // namespace flanneld
