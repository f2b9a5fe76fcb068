// libnl-route's objects with an owner each, and our values in their form and back. For the files of this
// room.
#pragma once

#include <netlink/addr.h>
#include <netlink/object.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/route.h>

#include <memory>
#include <new>
#include <optional>
#include <string>

#include "common/base/ip.h"
#include "common/base/mac.h"
#include "common/netlink/message.h"

namespace netlink {

template <auto Put>
struct PutObject {
  template <class Object>
  void operator()(Object* object) const {
    Put(object);
  }
};
using NlAddress = std::unique_ptr<nl_addr, PutObject<nl_addr_put>>;
using LinkObject = std::unique_ptr<rtnl_link, PutObject<rtnl_link_put>>;
using AddressObject = std::unique_ptr<rtnl_addr, PutObject<rtnl_addr_put>>;
using RouteObject = std::unique_ptr<rtnl_route, PutObject<rtnl_route_put>>;
using NeighbourObject = std::unique_ptr<rtnl_neigh, PutObject<rtnl_neigh_put>>;

/// Takes what libnl has allocated. Throws std::bad_alloc if that is nothing.
template <class Owner>
Owner own(typename Owner::pointer object) {
  if (!object) throw std::bad_alloc();
  return Owner(object);
}

NlAddress to_nl(const base::IpNet& net);
NlAddress to_nl(const base::IpAddress& address);
NlAddress to_nl(const base::MacAddress& mac);
/// nullopt for nullptr and for an address of another kind.
std::optional<base::IpAddress> to_ip(const nl_addr* address);
std::optional<base::MacAddress> to_mac(const nl_addr* address);

/// For a request about an existing link.
LinkObject link_at(int ifindex);
/// Throws KernelError when the name is longer than a link's can be; libnl would cut it.
void set_name(rtnl_link* link, const std::string& name);

/// Throws for an error code of libnl's: SystemError, with EMSGSIZE when a message is full, or std::bad_alloc.
void check(int error);

/// The message that a function such as rtnl_link_build_add_request() makes of an object.
template <class Object, class Owner>
Message build(int (*function)(Object*, int, nl_msg**), const Owner& object, int flags = 0) {
  nl_msg* message = nullptr;
  check(function(object.get(), flags, &message));
  return Message(message);
}

/// The object that a message of the kernel tells of; nullptr when libnl-route cannot read it.
nl_object* parse_object(const nlmsghdr* message);

template <class Owner>
Owner parse(const nlmsghdr* message) {
  return Owner(reinterpret_cast<typename Owner::pointer>(parse_object(message)));
}

}  // namespace netlink
