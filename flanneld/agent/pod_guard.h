// Sees to it that the ports of pods are guarded (common/guard) also where no ADD does: those that were there
// before the plugin knew how, and all of them after somebody removed the rules or the bridge.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"

namespace flanneld {

class PodGuard {
 public:
  /// Guards the bridge's ports if it is new or the rules are gone. Ports that have to be left open are
  /// logged, each once. What the kernel refuses is logged and tried again with the next bridge, or when the
  /// rules go.
  void look(netlink::NetlinkSocket& socket, const netlink::Link& bridge,
            const std::vector<base::IpNet>& subnets);
  /// How often rules that somebody had removed came back.
  [[nodiscard]] uint64_t repairs() const { return repairs_; }

 private:
  int bridge_ = 0;  ///< whose ports were guarded; 0: none yet
  bool has_frame_ = false;
  uint64_t repairs_ = 0;
  std::set<std::string> told_;
};

}  // namespace flanneld
