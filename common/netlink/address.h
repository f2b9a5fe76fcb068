// Addresses of a link.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"

namespace netlink {

struct Address {
  base::IpNet net;
  int ifindex = 0;          ///< of the link that has it
  uint8_t scope = 0;        ///< RT_SCOPE_*
  bool tentative = false;   ///< duplicate address detection still runs
  bool dad_failed = false;  ///< another host has this address
  bool permanent = false;   ///< no lifetime: set by hand, not by DHCP or a router advertisement
  bool deprecated = false;  ///< its preferred lifetime is over
  bool secondary = false;   ///< IPv4: not the first of its network; IPv6: a temporary (privacy) address
  uint8_t protocol = 0;     ///< who gave it: IFA_PROTO; 0: nobody says, or the kernel is older than 5.18
  std::string label = {};   ///< IPv4 only, the link's name or an alias such as "eth0:1"
};

/// The addresses of one link, of one family or of both. Recent kernels list one family without the lock under
/// which links are changed.
std::vector<Address> addresses_of(NetlinkSocket& socket, const Link& link,
                                  std::optional<base::Family> family = {});

/// The addresses of a link of another namespace, by the number of that namespace. None when there is no such
/// namespace or link.
std::vector<Address> addresses_in(NetlinkSocket& socket, int32_t netns, int ifindex);

/// The addresses of every link of the namespace, of both families, in the kernel's order.
std::vector<Address> all_addresses(NetlinkSocket& socket);

/// Reads RTM_NEWADDR or RTM_DELADDR; nullopt when it tells of no address.
std::optional<Address> parse_address(const nlmsghdr* message);

enum class Dad { no, yes };
/// Whether the kernel makes the route to the address's network.
enum class PrefixRoute { yes, no };

/// Adds an address; false if the link has it already. With Dad::no an IPv6 address can be used at
/// once, without the second or two in which the kernel looks for duplicates. `protocol` says who gave it.
bool add_address(NetlinkSocket& socket, const Link& link, const base::IpNet& net, Dad dad = Dad::no,
                 uint8_t protocol = 0);
/// The kernel refuses it with EEXIST if the link has the address already.
Message add_address_request(int ifindex, const base::IpNet& net, Dad dad,
                            PrefixRoute prefix_route = PrefixRoute::yes);

/// False if the link did not have it.
bool remove_address(NetlinkSocket& socket, const Link& link, const base::IpNet& net);

/// Waits until duplicate address detection has ended for all addresses of a link of `netns`.
/// Throws NetlinkError when one is in use by another host, or at the end of the time.
void wait_addresses_settled(NetlinkSocket& socket, const Netns& netns, int ifindex,
                            std::chrono::milliseconds at_most);

}  // namespace netlink
