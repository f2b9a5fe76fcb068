// Makes one device of the backend as planned: there, with its offload setting, up, and with its address.
// Knows nothing of peers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/netlink/link.h"
#include "common/netlink/socket.h"
#include "flanneld/backend/backend.h"

namespace flanneld {

struct DeviceResult {
  netlink::Link link;                 ///< index 0: there is none
  uint64_t writes = 0;                ///< requests that changed something
  std::vector<std::string> failures;  ///< what is not as planned; the rest is
  std::vector<std::string> notes;     ///< what was done that an operator should know
};

DeviceResult ensure_device(netlink::NetlinkSocket& socket, const PlannedDevice& device);

}  // namespace flanneld
