// Links of the host that flannel depends on and does not own: those that routes lead through, and those that
// carry a device's packets. They are remembered, to tell a change from a repeated notification.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "common/base/ip.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"
#include "flanneld/backend/plan.h"
#include "flanneld/kernel/links.h"

namespace flanneld {

struct HostLink {
  std::string name;
  uint32_t mtu = 0;
  bool up = false, running = false;
  bool operator==(const HostLink&) const = default;
};

/// What of a link is remembered.
HostLink host_link(const netlink::Link& link);

struct HostLinks {
  std::map<int, HostLink> links;  ///< by index
  std::set<std::pair<int, base::IpNet>> addresses;

  /// Looks up the links that the plan names and are not in `links` yet, and adds their indexes to `indexes`.
  /// True if one has gone or changed since the last look. Throws NetlinkError.
  bool look(netlink::NetlinkSocket& socket, const NodePlan& plan, LinkIndexes& indexes);
};

}  // namespace flanneld
