#include "common/netlink/veth.h"

#include <fmt/format.h>
#include <linux/if.h>
#include <netlink/route/link/veth.h>

#include <cerrno>

#include "common/base/text.h"
#include "common/netlink/object.h"

namespace netlink {
namespace {

void set_end(rtnl_link* link, const VethEnd& end, uint32_t mtu) {
  set_name(link, end.name);
  rtnl_link_set_addr(link, to_nl(end.mac).get());
  if (mtu != 0) rtnl_link_set_mtu(link, mtu);
  // By default the kernel makes a queue for each processor and switches all but one off, which it does after
  // a grace period for each end, all other work on links waiting.
  rtnl_link_set_num_tx_queues(link, 1);
  rtnl_link_set_num_rx_queues(link, 1);
}

}  // namespace

bool create_veth(NetlinkSocket& socket, const VethPair& pair) {
  const auto local = own<LinkObject>(rtnl_link_veth_alloc());
  set_end(local.get(), pair.local, pair.mtu);
  if (pair.comes_up) rtnl_link_set_flags(local.get(), IFF_UP);
  if (!pair.resolves) rtnl_link_set_flags(local.get(), IFF_NOARP);
  if (pair.group != 0) rtnl_link_set_group(local.get(), pair.group);
  if (pair.master != 0) rtnl_link_set_master(local.get(), pair.master);
  const LinkObject peer(rtnl_link_veth_get_peer(local.get()));
  set_end(peer.get(), pair.peer, pair.mtu);  // its flags would be refused: it cannot come up in this message
  if (pair.peer_netns) rtnl_link_set_ns_fd(peer.get(), pair.peer_netns->fd());
  return socket.request_unless(
      EEXIST, build(rtnl_link_build_add_request, local, NLM_F_CREATE | NLM_F_EXCL),
      fmt::format("create veth pair {} and {}", base::quoted(pair.local.name), base::quoted(pair.peer.name)));
}

}  // namespace netlink
