// Sees to it that the ports of pods are guarded (common/guard) also where no ADD does: those that were there
// before the plugin knew how, and all of them after somebody removed rules, their elements or the bridge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/guard/existing.h"
#include "common/guard/frame.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"
#include "flanneld/kernel/heal.h"

namespace flanneld {

/// Ports of the bridge that have a pod behind them, at the last look.
struct PodPorts {
  size_t guarded = 0;  ///< whose sources are checked
  size_t open = 0;
};

class PodGuard {
 public:
  explicit PodGuard(Heal heal) : heal_(heal) {}

  /// Guards the bridge's ports if it is new or rules are gone; elements that are gone at two looks come back
  /// too. Ports that have to be left open are logged, each once. Returns what is not as it should be: what
  /// the kernel refuses, which is tried again at the next look, or with Heal::no what is gone.
  std::optional<std::string> look(netlink::NetlinkSocket& socket, const netlink::Link& bridge,
                                  const std::vector<base::IpNet>& subnets);
  /// How often rules or elements that somebody had removed came back.
  [[nodiscard]] uint64_t repairs() const { return repairs_; }
  [[nodiscard]] const PodPorts& ports() const { return ports_; }

 private:
  void guard(netlink::NetlinkSocket& socket, netlink::NetlinkSocket* nft, const guard::Node& node,
             const std::vector<guard::Port>& lost);

  Heal heal_;
  int bridge_ = 0;          ///< whose ports were guarded; 0: none yet
  bool has_frame_ = false;  ///< the rules have been there
  guard::Elements seen_;    ///< with them, when nothing was missing
  bool was_incomplete_ = false;
  PodPorts ports_;
  uint64_t repairs_ = 0;
  std::set<std::string> told_;
};

}  // namespace flanneld
