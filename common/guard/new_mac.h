// A pod whose hardware address somebody changes on purpose is to go on being reached.
#pragma once

#include <string>
#include <vector>

#include "common/base/mac.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"

namespace guard {

/// A pod: the host's end of its link, and the links of the host that may have neighbour entries of it.
struct Reached {
  netlink::Link port;
  std::vector<netlink::Link> links;
};

/// Whose `mac` is already, in words: the node's, or another port's of the same bridge. Empty: nobody's.
std::string holder_of(netlink::NetlinkSocket& host, const Reached& pod, const base::MacAddress& mac);

/// Gives the pod under MAC `to` all that it was given under `from`: the bridge's fixed entry, the node's
/// neighbour entries, and the link-local address that it may send from. Nothing is taken to be given that is
/// not there, such as on a bridge of another program. `nft` may be nullptr. Throws NetlinkError.
void move_to_mac(netlink::NetlinkSocket& host, netlink::NetlinkSocket* nft, const Reached& pod,
                 const base::MacAddress& from, const base::MacAddress& to);

}  // namespace guard
