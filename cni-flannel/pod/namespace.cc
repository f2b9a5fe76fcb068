#include "cni-flannel/pod/namespace.h"

#include <fmt/format.h>

#include <utility>

#include "common/cni/error.h"

namespace flannel {

Container open_container(const std::string& path) {
  auto [state, netns] = netlink::Netns::look_up(path);
  switch (state) {
    case netlink::Netns::State::present:
      break;
    case netlink::Netns::State::absent:
      throw cni::Error(cni::ErrorCode::invalid_netns, fmt::format("CNI_NETNS '{}' does not exist", path),
                       "nothing was changed; the runtime makes the namespace before it calls ADD");
    case netlink::Netns::State::not_a_namespace:
      throw cni::Error(cni::ErrorCode::invalid_netns,
                       fmt::format("CNI_NETNS '{}' is not a network namespace", path),
                       "nothing was changed; it may be a file that an earlier boot left");
  }
  netlink::NetlinkSocket socket = netlink::NetlinkSocket::open_in(*netns);
  return {std::move(*netns), std::move(socket)};
}

}  // namespace flannel
