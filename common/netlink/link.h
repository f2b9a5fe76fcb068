// Network interfaces of any kind: looking up, switching, removing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/mac.h"
#include "common/netlink/socket.h"

namespace netlink {

struct Link {
  int ifindex = 0;
  std::string name;
  std::string kind;  ///< "veth", "bridge", …; empty for hardware
  base::MacAddress mac;
  uint32_t mtu = 0;       ///< bytes
  uint32_t flags = 0;     ///< IFF_*
  int master = 0;         ///< ifindex of the bridge it is a port of; 0: none
  int peer = 0;           ///< IFLA_LINK: the other end's ifindex for veth, the parent for macvlan
  uint8_t operstate = 0;  ///< IF_OPER_*
  std::string alias;      ///< free text; ours say whose the link is
  bool promiscuous = false;
  bool hairpin = false, isolated = false;  ///< of a bridge port
  bool vlan_filtering = false;             ///< of a bridge

  [[nodiscard]] bool is_up() const;
};

/// nullopt when there is no such link.
std::optional<Link> find_link(NetlinkSocket& socket, const std::string& name);
std::optional<Link> find_link(NetlinkSocket& socket, int ifindex);

/// Only its index. Does not wait for the lock under which links are changed, as find_link() has to.
std::optional<int> find_ifindex(NetlinkSocket& socket, const std::string& name);

/// Every link of the namespace, in the order of their indexes.
std::vector<Link> all_links(NetlinkSocket& socket);

/// Reads RTM_NEWLINK or RTM_DELLINK.
Link parse_link(const nlmsghdr* message);

/// The ports of a bridge.
std::vector<Link> ports_of(NetlinkSocket& socket, int master_ifindex);

void set_up(NetlinkSocket& socket, const Link& link);
Message up_request(const Link& link);
/// Also gives it a hardware address, before it comes up.
Message up_request(const Link& link, const base::MacAddress& mac);
void set_mtu(NetlinkSocket& socket, const Link& link, uint32_t mtu);
void set_mac(NetlinkSocket& socket, const Link& link, const base::MacAddress& mac);
/// Administrative promiscuous mode.
void set_promiscuous(NetlinkSocket& socket, const Link& link);

/// Removes a link; false if it was not there. Removing one end of a veth pair removes both.
/// Returns when the kernel has finished, which takes it about 20 ms (RCU grace periods).
bool remove_link(NetlinkSocket& socket, const std::string& name);

/// Waits until `name` is operational (RFC 2863) as the kernel tells of it, at most `milliseconds`.
/// nullopt when it is not by then or is gone.
std::optional<Link> wait_operational(NetlinkSocket& socket, const std::string& name, int milliseconds);

}  // namespace netlink
