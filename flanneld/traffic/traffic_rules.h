// The packet filter's part: masquerade what leaves the pod network, let pods' packets be forwarded, and keep
// pods from sending tunnel packets, which would reach other pods with any forged source.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flanneld/io/event_loop.h"
#include "flanneld/traffic/traffic_spec.h"

namespace flanneld {

enum class TrafficEngine : uint8_t { nftables, iptables };

/// Keeps the rules of one engine as desired until it is destroyed, which leaves them in place. Never blocks
/// the event loop on a program.
class TrafficRules {
 public:
  virtual ~TrafficRules() = default;
  /// Writes the rules and watches over them from now on. Calls `applied` once they are written or the first
  /// attempt has failed: at once if no program is needed. Failures are in status(), and are retried.
  virtual void apply(const TrafficSpec& spec, std::function<void()> applied) = 0;
  /// The addresses that tunnel packets are taken from, from now on: beside the spec, as they change often.
  /// Before the first apply() they are noted.
  virtual void set_nodes(const std::vector<base::IpAddress>& nodes) = 0;
  /// The same, by what has become of them since the last call of either.
  virtual void change_nodes(const NodeChange& nodes) = 0;
  [[nodiscard]] virtual const TrafficStatus& status() const = 0;
  /// True if keeping the rules needs other programs, as the node is now.
  [[nodiscard]] virtual bool needs_programs() const = 0;
};

/// The first apply() writes the rules of the requested engine, then removes what the other engine, ours or
/// upstream's, left behind: in this order no packet misses them. iptables does not report changes, so its
/// rules are checked every `resync`. `changed` is called when the status changes.
std::unique_ptr<TrafficRules> make_traffic_rules(EventLoop& loop, TrafficEngine engine,
                                                 std::chrono::seconds resync, std::function<void()> changed);

/// Rules that were removed, or could not be.
struct Removal {
  std::string what;                    ///< "nftables table 'ip flannel-ipv4'"
  std::optional<std::string> failure;  ///< why they are still there
};

/// Removes the owner's rules of both engines, for `flanneld cleanup`. Blocks while programs run. Rules that
/// do not exist are left out of the answer.
std::vector<Removal> remove_traffic_rules(const RuleOwner& owner);

}  // namespace flanneld
