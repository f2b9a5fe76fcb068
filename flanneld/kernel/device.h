// Makes one device of the backend as planned: it exists, with its offload setting, is up, and has its
// address. Knows nothing of peers. device.cc is the one place that tells kinds of devices apart.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/netlink/link.h"
#include "common/netlink/socket.h"
#include "flanneld/backend/device.h"
#include "flanneld/backend/plan.h"
#include "flanneld/kernel/wireguard_access.h"

namespace flanneld {

struct DeviceResult {
  netlink::Link link;                 ///< index 0: there is none
  uint64_t writes = 0;                ///< requests that changed something
  std::vector<std::string> failures;  ///< what is not as planned; the rest is
  bool serves = false;                ///< it carries packets, whatever else has failed
  std::vector<std::string> notes;     ///< what was done that an operator should know
  bool has_risen = false;             ///< it was down
  bool has_program = false;           ///< that serves the device in place of the kernel
  bool needs_program = false;         ///< the kernel has no WireGuard: a program must serve the device
};

/// Changes what differs from the plan. A link of the same name that cannot be turned into the device is
/// replaced.
DeviceResult ensure_device(netlink::NetlinkSocket& socket, WireguardAccess& wireguard, const Device& device);

/// Removes flannel's devices that the plan does not have, if they are this agent's: by their alias, or
/// without one by an address within its networks. Returns a note for each. Throws NetlinkError.
std::vector<std::string> remove_former_devices(netlink::NetlinkSocket& socket, const NodePlan& plan);

/// What a device is like, compared with the plan.
struct DeviceLook {
  int ifindex = 0;                   ///< 0: there is none
  std::optional<std::string> drift;  ///< how it differs, for people; nullopt: it does not
};

/// Changes nothing. Throws NetlinkError.
DeviceLook look_at_device(netlink::NetlinkSocket& socket, WireguardAccess& wireguard, const Device& device);

/// The device of that name as the kernel has it, without addresses; nullopt if there is none, or if the link
/// is of no kind that a backend uses. Throws NetlinkError.
std::optional<Device> read_device(netlink::NetlinkSocket& socket, const netlink::Link& link);

}  // namespace flanneld
