// Looks now and then at what pods depend on beside flannel's own objects, which the kernel does not notify of
// or others change: forwarding, the pods' bridge, and where a node has no pods, the way back from others'.
// The kernel tells of rules that go, but of everybody's, as of each round of kube-proxy's; and what an ADD
// has between two of its steps looks the same for a moment, so that it takes a second look anyway.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"
#include "flanneld/agent/pod_guard.h"
#include "flanneld/agent/routed_pods.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/kernel/heal.h"

namespace flanneld {

class NodeWatch {
 public:
  /// `changed` is called when problems() has changed.
  NodeWatch(EventLoop& loop, Heal heal, std::function<void()> changed);

  /// Watches from now on for a node whose pods have these subnets; none: it has no pods.
  void start(std::vector<base::IpNet> own_subnets);

  /// What keeps pods from talking, with what to do.
  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }
  /// How often something was put right.
  [[nodiscard]] uint64_t repairs() const { return repairs_ + guard_.repairs() + routed_.repairs(); }
  [[nodiscard]] PodPorts pod_ports() const { return bridge_ != 0 ? guard_.ports() : PodPorts(); }

 private:
  void look();
  void look_at_forwarding(std::vector<std::string>& problems);
  void look_at_bridge(std::vector<std::string>& problems);
  /// Pods' links that hang on no bridge and should.
  [[nodiscard]] size_t count_cut_off();
  void add_missing_addresses(const netlink::Link& bridge, std::vector<std::string>& problems);
  void tell(std::vector<std::string> problems);

  Heal heal_;
  PodGuard guard_;
  RoutedPods routed_;
  std::function<void()> changed_;
  netlink::NetlinkSocket socket_;
  std::vector<base::IpNet> own_subnets_;
  std::vector<std::string> problems_;
  std::set<std::string> seen_before_;  ///< problems of the last look that one look does not prove
  uint64_t repairs_ = 0;
  bool has_bridge_ = false;
  int bridge_ = 0;  ///< index at the last look; 0: there was none
  bool is_suspect_ = true;
  Timer timer_;
};

}  // namespace flanneld
