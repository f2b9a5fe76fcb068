// What stands before each packet that a TUN device with offloads hands over or takes (IFF_VNET_HDR). The
// kernel's <linux/virtio_net.h> is not for C++.
#pragma once

#include <cstdint>

namespace flanneld {

/// struct virtio_net_hdr; numbers in the computer's own byte order.
struct OffloadHeader {
  enum Flag : uint8_t { kNeedsChecksum = 1 };
  enum Kind : uint8_t { kWhole = 0, kTcp4Segments = 1, kEcn = 0x80 };

  uint8_t flags = 0;
  uint8_t kind = kWhole;         ///< what the packet has to be cut into
  uint16_t header_bytes = 0;     ///< of one segment
  uint16_t segment_bytes = 0;    ///< payload of a segment; the last may have less
  uint16_t checksum_start = 0;   ///< where the bytes that are summed begin; they end with the packet
  uint16_t checksum_offset = 0;  ///< from there to the checksum, which holds the pseudo-header's sum
};
static_assert(sizeof(OffloadHeader) == 10);

}  // namespace flanneld
