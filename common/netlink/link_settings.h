// What of a link few ask for: how many packets it queues and what it takes that is not for it.
#pragma once

#include <cstdint>
#include <optional>

#include "common/netlink/socket.h"

namespace netlink {

/// What is given is to be set, or was read.
struct LinkSettings {
  std::optional<bool> promiscuous = {};       ///< administratively
  std::optional<bool> all_multicast = {};     ///< administratively
  std::optional<uint32_t> queue_length = {};  ///< packets
  bool operator==(const LinkSettings&) const = default;
};

/// All of them. Throws NetlinkError, also when there is no such link.
LinkSettings read_link_settings(NetlinkSocket& socket, int ifindex);
/// Sets those that are given.
void set_link_settings(NetlinkSocket& socket, int ifindex, const LinkSettings& settings);

}  // namespace netlink
