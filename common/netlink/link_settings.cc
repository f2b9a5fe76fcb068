#include "common/netlink/link_settings.h"

#include <fmt/format.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>

#include <cerrno>

#include "common/netlink/error.h"
#include "common/netlink/object.h"

namespace netlink {
namespace {

void put_flag(ifinfomsg& header, std::optional<bool> value, unsigned flag) {
  if (!value) return;
  header.ifi_change |= flag;
  if (*value) header.ifi_flags |= flag;
}

}  // namespace

LinkSettings read_link_settings(NetlinkSocket& socket, int ifindex) {
  const std::string doing = fmt::format("read the settings of the link with index {}", ifindex);
  ifinfomsg header{};
  header.ifi_index = ifindex;
  Message query(RTM_GETLINK, 0);
  query.header(header);
  std::optional<LinkSettings> settings;
  const bool exists = socket.get(query, doing, [&](const nlmsghdr* message) {
    const auto link = parse<LinkObject>(message);
    if (!link) return;
    const unsigned flags = rtnl_link_get_flags(link.get());
    settings = {.promiscuous = (flags & IFF_PROMISC) != 0,
                .all_multicast = (flags & IFF_ALLMULTI) != 0,
                .queue_length = rtnl_link_get_txqlen(link.get())};
  });
  if (!exists) throw NetlinkError(ENODEV, doing, "");
  if (!settings) throw NetlinkError(EBADMSG, doing, "libnl cannot read the answer");
  return *settings;
}

void set_link_settings(NetlinkSocket& socket, int ifindex, const LinkSettings& settings) {
  if (settings == LinkSettings()) return;
  ifinfomsg header{};
  header.ifi_index = ifindex;
  put_flag(header, settings.promiscuous, IFF_PROMISC);
  put_flag(header, settings.all_multicast, IFF_ALLMULTI);
  Message change(RTM_NEWLINK, 0);
  change.header(header);
  if (settings.queue_length) change.put_u32(IFLA_TXQLEN, *settings.queue_length);
  socket.request(change, fmt::format("change the settings of the link with index {}", ifindex));
}

}  // namespace netlink
