#include "common/netlink/object.h"

#include <fmt/format.h>
#include <linux/if.h>
#include <netlink/errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "common/base/error.h"
#include "common/base/text.h"

namespace netlink {

NlAddress to_nl(const base::IpNet& net) {
  NlAddress address = to_nl(net.address);
  nl_addr_set_prefixlen(address.get(), net.prefix);
  return address;
}

NlAddress to_nl(const base::IpAddress& address) {
  return own<NlAddress>(nl_addr_build(address.af(), address.data(), address.size()));
}

NlAddress to_nl(const base::MacAddress& mac) {
  return own<NlAddress>(nl_addr_build(AF_LLC, mac.bytes.data(), mac.bytes.size()));
}

std::optional<base::IpAddress> to_ip(const nl_addr* address) {
  if (!address) return std::nullopt;
  return base::IpAddress::from_bytes(nl_addr_get_binary_addr(address), nl_addr_get_len(address));
}

std::optional<base::MacAddress> to_mac(const nl_addr* address) {
  base::MacAddress mac;
  if (!address || nl_addr_get_len(address) != mac.bytes.size()) return std::nullopt;
  const auto* bytes = static_cast<const uint8_t*>(nl_addr_get_binary_addr(address));
  std::copy_n(bytes, mac.bytes.size(), mac.bytes.begin());
  return mac;
}

LinkObject link_at(int ifindex) {
  auto link = own<LinkObject>(rtnl_link_alloc());
  rtnl_link_set_ifindex(link.get(), ifindex);
  return link;
}

void set_name(rtnl_link* link, const std::string& name) {
  if (name.size() >= IFNAMSIZ)
    throw base::KernelError(ERANGE, fmt::format("name a link {}", base::quoted(name)));
  rtnl_link_set_name(link, name.c_str());
}

void check(int error) {
  if (error >= 0) return;
  if (error == -NLE_MSGSIZE) throw base::SystemError(EMSGSIZE, "build a netlink message");
  if (error == -NLE_NOMEM) throw std::bad_alloc();
  throw base::SystemError(EINVAL, fmt::format("build a netlink message: libnl error {}", -error));
}

nl_object* parse_object(const nlmsghdr* message) {
  const Message copy(nlmsg_convert(const_cast<nlmsghdr*>(message)));
  nlmsg_set_proto(copy.get(), NETLINK_ROUTE);
  nl_object* found = nullptr;
  const auto keep = [](nl_object* object, void* place) {
    nl_object_get(object);
    *static_cast<nl_object**>(place) = object;
  };
  nl_msg_parse(copy.get(), keep, &found);
  return found;
}

}  // namespace netlink
