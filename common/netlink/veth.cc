#include "common/netlink/veth.h"

#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include <cerrno>

namespace netlink {
namespace {

void put_end(Message& message, const VethEnd& end, uint32_t mtu) {
  message.put_string(IFLA_IFNAME, end.name);
  message.put(IFLA_ADDRESS, end.mac.bytes.data(), end.mac.bytes.size());
  if (mtu != 0) message.put_u32(IFLA_MTU, mtu);
}

}  // namespace

bool create_veth(NetlinkSocket& socket, const VethPair& pair) {
  ifinfomsg header{};
  header.ifi_flags = IFF_UP;
  header.ifi_change = IFF_UP;
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.header(header);
  put_end(message, pair.local, pair.mtu);
  if (pair.master != 0) message.put_u32(IFLA_MASTER, static_cast<uint32_t>(pair.master));
  message.nest(IFLA_LINKINFO, [&] {
    message.put_string(IFLA_INFO_KIND, "veth");
    message.nest(IFLA_INFO_DATA, [&] {
      message.nest(VETH_INFO_PEER, [&] {
        message.append(ifinfomsg{});  // flags here are refused: the peer cannot come up in this message
        put_end(message, pair.peer, pair.mtu);
        if (pair.peer_netns) message.put_u32(IFLA_NET_NS_FD, static_cast<uint32_t>(pair.peer_netns->fd()));
      });
    });
  });
  return socket.request_unless(EEXIST, message,
                               "create veth pair '" + pair.local.name + "' and '" + pair.peer.name + "'");
}

}  // namespace netlink
