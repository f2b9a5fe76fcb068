// Sees to it that pods without a bridge (common/guard/routed.h) stay held to their addresses where no ADD
// does it: after somebody removed the rules that they share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/netlink/socket.h"
#include "flanneld/kernel/heal.h"

namespace flanneld {

class RoutedPods {
 public:
  explicit RoutedPods(Heal heal) : heal_(heal) {}

  /// Makes the rules again if there are such pods and none. Returns what is not as it should be: with
  /// Heal::no that they are gone.
  std::optional<std::string> look(netlink::NetlinkSocket& socket);
  /// Whether there were such pods when somebody last looked: of the time before, or with rules since.
  [[nodiscard]] bool any() const { return any_; }
  [[nodiscard]] uint64_t repairs() const { return repairs_; }

 private:
  Heal heal_;
  bool is_first_look_ = true;
  bool any_ = false;
  uint64_t repairs_ = 0;
};

}  // namespace flanneld
