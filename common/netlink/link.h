// Network interfaces of any kind: looking up, changing, removing.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/mac.h"
#include "common/netlink/socket.h"

namespace netlink {

/// What the kernel does with IPv6 on a link: /proc/sys/net/ipv6/conf/LINK.
struct Ipv6Conf {
  int accept_ra = 0;
  bool forwarding = false;
  bool disabled = false;
  bool proxies = false;  ///< proxy_ndp

  /// Whether a router advertisement that comes in there gives this host addresses and routes.
  [[nodiscard]] bool accepts_ra() const;
};

struct Link {
  int ifindex = 0;
  std::string name;
  std::string kind;  ///< "veth", "bridge", …; empty for hardware
  base::MacAddress mac;
  uint32_t mtu = 0;             ///< bytes
  uint32_t flags = 0;           ///< IFF_*
  int master = 0;               ///< ifindex of the bridge it is a port of; 0: none
  int peer = 0;                 ///< ifindex of a veth's other end, or of the link that another kind stands on
  uint8_t operstate = 0;        ///< IF_OPER_*
  std::string alias;            ///< free text; ours say whose the link is
  bool vlan_filtering = false;  ///< of a bridge
  /// Of a bridge: how long its spanning tree protocol keeps a new port from forwarding; 0 without it.
  std::chrono::milliseconds port_delay{0};
  bool forwards = true;       ///< of a port of a bridge: frames pass
  bool learns = true;         ///< of a port of a bridge: also from whom
  bool locked = false;        ///< of a port of a bridge: only frames of known MACs pass
  bool refuses_bpdu = false;  ///< of a port of a bridge
  /// The namespace of `peer` as the kernel numbers it for this one; nullopt: this one, or nobody knows.
  std::optional<int32_t> peer_netns = {};
  std::optional<Ipv6Conf> ipv6 = {};  ///< nullopt: the kernel has no IPv6, or not on this link
  bool forwards_ipv4 = true;  ///< /proc/sys/net/ipv4/conf/LINK/forwarding: of packets that come in by it
  int rp_filter = 0;          ///< /proc/sys/net/ipv4/conf/LINK/rp_filter
  uint32_t group = 0;         ///< a number by which packet filters know the link

  [[nodiscard]] bool is_up() const;
  [[nodiscard]] bool is_promiscuous() const;
  /// RFC 2863. A bridge is when one of its ports is.
  [[nodiscard]] bool is_operational() const;
};

/// nullopt when there is no such link.
std::optional<Link> find_link(NetlinkSocket& socket, const std::string& name);
std::optional<Link> find_link(NetlinkSocket& socket, int ifindex);

/// A link of another namespace, by the number of that namespace. nullopt also when there is no such
/// namespace.
std::optional<Link> find_link_in(NetlinkSocket& socket, int32_t netns, int ifindex);

/// Only its index. Unlike find_link() it does not wait for the lock under which the kernel changes links.
std::optional<int> find_ifindex(NetlinkSocket& socket, const std::string& name);

/// Every link of the namespace, in the order of their indexes.
std::vector<Link> all_links(NetlinkSocket& socket);
/// The ports of a bridge.
std::vector<Link> ports_of(NetlinkSocket& socket, int master_ifindex);

/// Reads RTM_NEWLINK or RTM_DELLINK; nullopt when libnl cannot.
std::optional<Link> parse_link(const nlmsghdr* message);

void set_up(NetlinkSocket& socket, const Link& link);
void set_down(NetlinkSocket& socket, const Link& link);
/// `resolves`: ARP is sent and heard there.
Message group_request(int ifindex, uint32_t group, bool resolves);
/// Also gives it that hardware address, before it comes up.
Message up_request(int ifindex, const std::optional<base::MacAddress>& mac = {});
void set_mtu(NetlinkSocket& socket, const Link& link, uint32_t mtu);
void set_mac(NetlinkSocket& socket, const Link& link, const base::MacAddress& mac);
/// Makes it a port of the bridge with that index.
void set_master(NetlinkSocket& socket, const Link& link, int master_ifindex);
/// At most 255 bytes.
Message alias_request(int ifindex, const std::string& alias);
void set_alias(NetlinkSocket& socket, const Link& link, const std::string& alias);
/// Has the link get no link-local IPv6 address by itself. A kernel without IPv6 refuses it.
Message no_link_local_request(int ifindex);
/// Administrative promiscuous mode.
void set_promiscuous(NetlinkSocket& socket, const Link& link);

/// Removes a link; false if it was not there. Removing one end of a veth pair removes both.
/// Returns when the kernel has finished, which takes it about 20 ms (RCU grace periods).
bool remove_link(NetlinkSocket& socket, const std::string& name);

/// Waits until link `name` is operational (RFC 2863), and forwards if it is a port, which the kernel
/// announces. nullopt when it is not in time, or is gone. `socket` must be of the caller's network namespace:
/// there the announcements are received.
std::optional<Link> wait_operational(NetlinkSocket& socket, const std::string& name,
                                     std::chrono::milliseconds at_most);

}  // namespace netlink
