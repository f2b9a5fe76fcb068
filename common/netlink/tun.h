// TUN devices: the kernel hands the packets that it routes there to a program, and takes packets from it.
#pragma once

#include <optional>
#include <string>

#include "common/base/unique_fd.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"

namespace netlink {

/// Why a link cannot be the device that ensure_tun() makes; nullopt if it can.
std::optional<std::string> tun_incompatibility(NetlinkSocket& socket, const Link& link);

struct EnsuredTun {
  Link link;
  unsigned writes = 0;                  ///< requests that changed something
  std::optional<std::string> replaced;  ///< why the link that had the name before was removed
};

/// Makes a device that stays when no program serves it. It may still be down. Throws NetlinkError, and
/// SystemError when /dev/net/tun cannot be used; with EBUSY when a program serves a device of that name that
/// goes away with it: that is the program's.
EnsuredTun ensure_tun(NetlinkSocket& socket, const std::string& name, uint32_t mtu);

/// Whether /dev/net/tun can be used; it makes no device. The errno if not, 0 if so.
int probe_tun();

/// A program's end of the device, which is made if there is none: not blocking, with struct virtio_net_hdr in
/// front of each packet, and of TCP in large pieces and without checksums where the kernel can. Throws
/// SystemError; with EBUSY when another program serves it. The device is looked for in the network namespace
/// of the caller.
base::UniqueFd serve_tun(const std::string& name);

}  // namespace netlink
