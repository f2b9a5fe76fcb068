// Several requests in one system call, each with its own words for an error.
#pragma once

#include <string>
#include <vector>

#include "common/netlink/error.h"
#include "common/netlink/message.h"
#include "common/netlink/socket.h"

namespace netlink {

class Steps {
 public:
  /// `doing` says what the request is to do, to which object.
  void add(const Message& request, std::string doing);
  [[nodiscard]] size_t count() const { return doing_.size(); }

  struct Refusal {
    size_t place = 0;  ///< among those added, from 0
    NetlinkError error;
  };
  /// Sends all in order and forgets them. A refused one does not keep those behind it from being done.
  std::vector<Refusal> send(NetlinkSocket& socket);
  /// Like send(), but throws the first refusal, unless its errno is `expected`.
  void run(NetlinkSocket& socket, int expected);

 private:
  PackedRequests requests_;
  std::vector<std::string> doing_;
};

}  // namespace netlink
