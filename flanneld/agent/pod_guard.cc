#include "flanneld/agent/pod_guard.h"

#include <fmt/format.h>
#include <linux/netlink.h>

#include <optional>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/guard/existing.h"

namespace flanneld {
namespace {

/// nullopt on a kernel without nf_tables.
std::optional<netlink::NetlinkSocket> open_nft_socket() {
  try {
    return netlink::NetlinkSocket::open(NETLINK_NETFILTER);
  } catch (const base::SystemError&) {
    return std::nullopt;
  }
}

}  // namespace

void PodGuard::look(netlink::NetlinkSocket& socket, const netlink::Link& bridge,
                    const std::vector<base::IpNet>& subnets) {
  auto nft = open_nft_socket();
  try {
    const bool had_frame = std::exchange(has_frame_, nft && guard::has_frame(*nft));
    const bool is_gone = had_frame && !has_frame_;
    if (std::exchange(bridge_, bridge.ifindex) == bridge.ifindex && !is_gone) return;
    const auto left_open = guard::guard_existing(socket, nft ? &*nft : nullptr,
                                                 {.bridge = bridge, .gateway = bridge, .subnets = subnets});
    has_frame_ = nft && guard::has_frame(*nft);
    if (is_gone) {
      ++repairs_;
      base::log_warning("somebody removed the rules that keep pods to their own addresses: made again");
    }
    for (const guard::LeftOpen& one : left_open)
      if (told_.insert(one.port).second)
        base::log_warning(fmt::format("what comes by port '{}' of '{}' is not checked: {}", one.port,
                                      bridge.name, one.reason));
  } catch (const base::SystemError& error) {
    base::log_warning(fmt::format("guard the ports of '{}': {}, ignoring", bridge.name, error.what()));
  }
}

}  // namespace flanneld
