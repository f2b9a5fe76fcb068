// Notifications of nf_tables about anyone's changes. They tell where something changed, not what: kube-proxy
// may change its tables hundreds of times a second, and listeners to another table must skip that fast.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "common/netfilter/nft_table.h"
#include "common/netlink/socket.h"

namespace netfilter {

/// The strings live only during the callback.
struct NftChange {
  NftFamily family = NftFamily::inet;
  std::string_view table;
  std::string_view chain;  ///< empty: the table itself, or a set
  bool is_base = false;    ///< a base chain was made, changed or deleted
  bool is_set = false;     ///< a set, or elements of one
  uint32_t by_port = 0;    ///< port_id() of the socket that asked for it
};

class NftMonitor {
 public:
  /// Subscribes in the current network namespace. Throws SystemError.
  NftMonitor();

  /// Readable when drain() has something to show.
  [[nodiscard]] int fd() const { return socket_.fd(); }
  /// Shows changes since the last call without waiting, at most some hundreds; then fd() stays readable.
  /// False when some were lost.
  bool drain(const std::function<void(const NftChange&)>& visit);

 private:
  netlink::NetlinkSocket socket_;
};

}  // namespace netfilter
