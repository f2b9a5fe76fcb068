// The part of device.h that belongs to WireGuard devices.
#pragma once

#include <optional>
#include <string>

#include "common/netlink/socket.h"
#include "flanneld/backend/device.h"
#include "flanneld/kernel/device.h"
#include "flanneld/kernel/wireguard_access.h"

namespace flanneld {

/// Makes the link, with its MTU, key and port. A device that a program serves is as good as one of the
/// kernel. Throws SystemError, and notes in `result` when the kernel has no WireGuard and a program is
/// needed.
void make_wireguard(netlink::NetlinkSocket& socket, WireguardAccess& access, const Device& device,
                    const WireguardDevice& wireguard, DeviceResult& result);

/// How the device differs from the plan, for people; nullopt: it does not. Throws SystemError.
std::optional<std::string> find_wireguard_drift(WireguardAccess& access, const netlink::Link& link,
                                                const WireguardDevice& wireguard);

}  // namespace flanneld
