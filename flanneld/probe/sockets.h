// The sockets by which a family's probes are sent and answers received. Knows no peers.
#pragma once

#include <cstdint>
#include <functional>

#include "common/base/ip.h"
#include "common/base/unique_fd.h"
#include "flanneld/probe/packet.h"
#include "flanneld/probe/target.h"

namespace flanneld {

class ProbeSockets {
 public:
  /// Opens them in the network namespace of the caller. Throws SystemError; without CAP_NET_RAW with EPERM.
  explicit ProbeSockets(base::Family family);

  /// Readable when there may be an answer. No packet wakes that answers no probe of this object.
  [[nodiscard]] int fd() const { return icmp_.get(); }
  /// The kernel's errno, or 0. Never blocks.
  int send(const ProbeTarget& target, ProbeMeans means, uint32_t size, uint64_t cookie);
  /// Reads what is there, up to a bound.
  void receive(const std::function<void(const ProbeAnswer&)>& take);

 private:
  int send_from(const ProbeTarget& target, ProbeMeans means, const std::vector<uint8_t>& bytes,
                bool from_source);

  base::Family family_;
  uint16_t id_;
  base::UniqueFd icmp_, udp_;
  uint16_t udp_port_ = 0;
};

/// Bytes that nobody can guess.
uint64_t make_cookie();

}  // namespace flanneld
