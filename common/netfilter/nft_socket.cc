#include "common/netfilter/nft_socket.h"

#include <cerrno>

#include "common/base/error.h"

namespace netfilter {

std::optional<netlink::NetlinkSocket> open_nft_socket() {
  try {
    return netlink::NetlinkSocket::open(NETLINK_NETFILTER);
  } catch (const base::SystemError& error) {
    if (error.error_number() != EPROTONOSUPPORT) throw;
    return std::nullopt;
  }
}

}  // namespace netfilter
