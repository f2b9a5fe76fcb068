// The packet filter's part: masquerade what leaves the pod network, let pods' packets be forwarded, and keep
// pods from sending packets of the tunnel, which would reach other pods as whatever they are made to look
// like.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "flanneld/io/event_loop.h"

namespace flanneld {

/// What nodes alone may send to each other: UDP to this port, which the node receives for this device.
struct Tunnel {
  std::string link;
  uint16_t port = 0;
  bool operator==(const Tunnel&) const = default;
};

/// One family: all pods of the cluster, and those of this node.
struct TrafficNetwork {
  base::IpNet network, subnet;
  std::optional<Tunnel> tunnel = {};
  bool operator==(const TrafficNetwork&) const = default;
};

struct TrafficSpec {
  std::vector<TrafficNetwork> networks;  ///< one per enabled family
  bool masquerade = false;               ///< --ip-masq
  bool fully_random = true;              ///< ports of masqueraded connections
  bool forward = true;                   ///< --iptables-forward-rules
  bool operator==(const TrafficSpec&) const = default;
};

struct TrafficStatus {
  std::string engine;                  ///< "nftables" or "iptables"
  uint64_t restored = 0;               ///< times that somebody else's change was undone
  std::optional<std::string> failure;  ///< why the rules are not as wanted
  /// Something else drops what the forward rules accept: which chain, and what to do.
  std::optional<std::string> blocked;
  bool operator==(const TrafficStatus&) const = default;
};

/// Keeps the rules of one engine as wanted until it is destroyed, which leaves them in place.
class TrafficRules {
 public:
  virtual ~TrafficRules() = default;
  /// Makes the rules so, as one change, and watches over them from now on. Failures are in status() and tried
  /// again.
  virtual void apply(const TrafficSpec& spec) = 0;
  [[nodiscard]] virtual const TrafficStatus& status() const = 0;
  /// Whether programs must be started to keep the rules, as things are now.
  [[nodiscard]] virtual bool needs_programs() const = 0;
};

/// The first apply() makes the rules of the engine asked for, then removes what the other one, ours or
/// upstream's, left behind: in this order no packet misses them. `resync` is how often iptables, which
/// tells nobody of changes, is checked. `changed` is called when the status is another.
std::unique_ptr<TrafficRules> make_traffic_rules(EventLoop& loop, bool nftables, std::chrono::seconds resync,
                                                 std::function<void()> changed);

/// Rules that were removed, or could not be.
struct Removal {
  std::string what;                    ///< "nftables table 'ip flannel-ipv4'"
  std::optional<std::string> failure;  ///< why they are still there
};

/// Removes the rules of both engines, for `flanneld cleanup`. Rules that do not exist are left out of the
/// answer.
std::vector<Removal> remove_traffic_rules();

}  // namespace flanneld
