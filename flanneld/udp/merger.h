// Packets that come in from other nodes: puts segments of one TCP stream that follow each other together, so
// that the kernel takes them in one go. No system call here; packets are hostile.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "flanneld/udp/ipv4_packet.h"
#include "flanneld/udp/offload_header.h"

namespace flanneld {

class Merger {
 public:
  /// Gets what is to be written to a TUN device with offloads: the header in front, and the bytes behind it.
  using Write = std::function<void(const OffloadHeader& offload, std::span<const iovec> pieces)>;
  explicit Merger(Write write);
  Merger(const Merger&) = delete;
  Merger& operator=(const Merger&) = delete;

  /// Takes a packet whose header is `header`, without bytes behind it. They may be changed, and must stay
  /// until flush(). A segment with a wrong checksum is merged with none: that is the receiver's to judge.
  void add(const Ipv4Header& header, Bytes packet);
  /// Writes what is held back.
  void flush();

 private:
  struct Segment;
  [[nodiscard]] bool continues(const Segment& segment) const;
  void begin(const Segment& segment);
  void finish_headers(OffloadHeader& offload);

  Write write_;
  std::vector<iovec> pieces_;  ///< of the packet that is held back; the first is its beginning
  Bytes head_;                 ///< headers of the first segment
  Ipv4Header ip_;
  size_t segment_bytes_ = 0;  ///< payload of all but the last
  size_t segments_ = 0;       ///< 0: nothing is held back
  size_t total_bytes_ = 0;
  uint32_t next_number_ = 0;  ///< TCP's sequence number that may follow
  bool is_open_ = false;      ///< another segment may follow
};

}  // namespace flanneld
