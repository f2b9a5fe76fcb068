// What the kernel holds of the things that the reconciler owns, read by a handful of dumps.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/netlink/neighbour.h"
#include "common/netlink/route.h"
#include "common/netlink/socket.h"
#include "flanneld/backend/plan.h"

namespace flanneld {

/// The indexes that links have now; a link that is not there is not in it.
class LinkIndexes {
 public:
  void set(const std::string& name, int ifindex) { by_name_[name] = ifindex; }
  [[nodiscard]] std::optional<int> find(const std::string& name) const;
  /// The name of a link with that index; nullptr for one that is none of these.
  [[nodiscard]] const std::string* name_of(int ifindex) const;

 private:
  std::map<std::string, int> by_name_;
};

struct KernelState {
  std::vector<netlink::Route> routes;  ///< through the plan's links, and blackholes
  std::vector<netlink::Neighbour> neighbours;
  std::vector<netlink::FdbEntry> fdb;
};

/// Throws NetlinkError, also when a link goes away meanwhile.
KernelState read_kernel_state(netlink::NetlinkSocket& socket, const NodePlan& plan, const LinkIndexes& links);

}  // namespace flanneld
