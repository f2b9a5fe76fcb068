#include "flanneld/agent/pod_guard.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/guard/survey.h"
#include "common/netfilter/nft_socket.h"

namespace flanneld {
std::optional<std::string> PodGuard::look(netlink::NetlinkSocket& socket, const netlink::Link& bridge,
                                          const std::vector<base::IpNet>& subnets) try {
  auto nft = netfilter::open_nft_socket();
  auto held = nft ? guard::elements(*nft) : std::nullopt;
  const bool has_frame = held && guard::has_rules(*nft);
  guard::Elements now = std::move(held).value_or(guard::Elements());
  // After the elements: a pod's go after its port.
  const auto ports = guard::pod_ports(socket, bridge.ifindex);
  ports_.guarded = has_frame ? guard::count_guarded(now, ports) : 0;
  ports_.open = ports.size() - ports_.guarded;
  const auto lost = guard::find_lost(seen_, now, ports);
  const bool is_gone = has_frame_ && !has_frame;
  const bool is_incomplete = !lost.empty() || (!has_frame && !ports.empty());
  // An ADD that makes the first rules, or undoes what it made, is between two steps for a moment.
  const bool is_certain = std::exchange(was_incomplete_, is_incomplete) && is_incomplete;
  if (heal_ == Heal::no) {
    has_frame_ = has_frame_ || has_frame;
    if (!is_incomplete) seen_ = std::move(now);
    if (!is_certain) return std::nullopt;
    return fmt::format(
        "the rules that keep pods to their own addresses are {} at '{}', and --heal is off: see flanneld "
        "doctor, and restart flanneld with --heal",
        has_frame ? "incomplete" : "missing", bridge.name);
  }
  if (bridge_ != bridge.ifindex || is_gone || (is_certain && !lost.empty())) {
    guard(socket, nft ? &*nft : nullptr, {.bridge = bridge, .gateway = bridge, .subnets = subnets}, lost);
    bridge_ = bridge.ifindex;
    if (is_gone || !lost.empty()) {
      ++repairs_;
      base::log_warning("somebody removed the rules that keep pods to their own addresses: made again");
    }
  } else if (lost.empty()) {
    has_frame_ = has_frame;
    seen_ = std::move(now);
  }
  return std::nullopt;
} catch (const base::SystemError& error) {
  return fmt::format("guard the ports of '{}': {}", bridge.name, error.what());
}

void PodGuard::guard(netlink::NetlinkSocket& socket, netlink::NetlinkSocket* nft, const guard::Node& node,
                     const std::vector<guard::Port>& lost) {
  // First: what a configuration allows beyond a pod's own addresses is on record nowhere else.
  if (nft && !lost.empty()) guard::guard_ports(*nft, lost);
  for (const guard::LeftOpen& one : guard::guard_existing(socket, nft, node))
    if (told_.insert(one.port).second)
      base::log_warning(fmt::format("what comes by port '{}' of '{}' is not checked: {}", one.port,
                                    node.bridge.name, one.reason));
  was_incomplete_ = false;
  auto held = nft ? guard::elements(*nft) : std::nullopt;
  has_frame_ = held && guard::has_rules(*nft);
  if (has_frame_) seen_ = std::move(*held);
}

}  // namespace flanneld
