// Virtual Ethernet pairs.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/mac.h"
#include "common/netlink/netns.h"
#include "common/netlink/socket.h"

namespace netlink {

/// One end of a pair. An address that is given at creation counts as "set by the user" for the kernel, and no
/// udev rule changes it afterwards.
struct VethEnd {
  std::string name;
  base::MacAddress mac;
};

struct VethPair {
  VethEnd local;                      ///< in the socket's namespace
  VethEnd peer;                       ///< in `peer_netns`; stays down
  const Netns* peer_netns = nullptr;  ///< nullptr: the socket's own
  int master = 0;                     ///< ifindex of the bridge that gets `local` as a port; 0: none
  uint32_t mtu = 0;                   ///< bytes, both ends; 0: the kernel's default
  uint32_t group = 0;                 ///< of `local`: a number by which packet filters know the link
  bool resolves = true;               ///< of `local`: ARP is sent and heard there
  bool comes_up = true;               ///< of `local`: at once
};

/// Makes both ends where they belong, by one message: moving a link to another namespace afterwards costs
/// milliseconds of kernel grace periods. False when one of the names is taken; nothing is made then.
bool create_veth(NetlinkSocket& socket, const VethPair& pair);

}  // namespace netlink
