#include "flanneld/agent/fight.h"

#include <fmt/format.h>

#include <utility>

namespace flanneld {

bool Fight::note(uint64_t restored, Time now) {
  if (restored == std::exchange(restored_, restored)) return false;
  const bool was_fight = problem(now).has_value();
  recent_.push_back(now);
  if (recent_.size() > kTimes) recent_.pop_front();
  return !was_fight && problem(now);
}

std::optional<std::string> Fight::problem(Time now) const {
  if (recent_.size() < kTimes || now - recent_.front() > kWithin) return std::nullopt;
  return fmt::format(
      "somebody else changes flannel's packet filter rules again and again ({} times so far, each undone): "
      "another flanneld on this node, such as a DaemonSet's beside the unit, or a script that writes the "
      "firewall anew",
      restored_);
}

}  // namespace flanneld
