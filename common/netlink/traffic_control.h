// Limits of what a link sends, and packets that take the way of another link: traffic control, tc(8).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/netlink/link.h"
#include "common/netlink/socket.h"

namespace netlink {

/// The queue at a link's end: a token bucket filter, tc-tbf(8).
struct TokenBucket {
  uint64_t rate = 0;    ///< bytes per second
  uint32_t limit = 0;   ///< bytes that may wait
  uint32_t buffer = 0;  ///< how long a full bucket lasts at that rate, in kTick
  /// Bytes in a full bucket where `buffer` cannot tell, which ends at some 275 s; 0: it can.
  uint32_t burst = 0;
  bool operator==(const TokenBucket&) const = default;
};

/// What the kernel counts buffers in: nanoseconds (PSCHED_SHIFT; the same in /proc/net/psched).
inline constexpr uint64_t kTick = 64;

/// Makes it the root of the link's queues, in place of what is there.
void set_token_bucket(NetlinkSocket& socket, const Link& link, const TokenBucket& bucket);
/// nullopt when the root is of another kind. `burst` is not read back.
std::optional<TokenBucket> find_token_bucket(NetlinkSocket& socket, const Link& link);

/// Makes an intermediate functional block device, which is up; false if one of that name is there.
bool create_ifb(NetlinkSocket& socket, const std::string& name, uint32_t mtu);

/// Has all packets that come in by `from` leave by the link with the index `to` and come in from there, as an
/// IFB does. Replaces an earlier redirection of the same kind.
void redirect_ingress(NetlinkSocket& socket, const Link& from, int to);
/// The indexes of the links that packets of some link of the namespace are redirected to.
std::vector<int> redirection_targets(NetlinkSocket& socket);

}  // namespace netlink
