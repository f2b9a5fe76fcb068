#include "flanneld/node/host_network.h"

#include <doctest/doctest.h>

#include <optional>

#include "common/netlink/link.h"
#include "common/netlink/veth.h"
#include "tests/support/scoped_netns.h"
#include "tests/unit/flanneld/node/host_support.h"

using namespace flanneld_test;
using flanneld::HostNetwork;

namespace {

HostNetwork read_host(netlink::NetlinkSocket& socket) {
  return flanneld::read_host_network(socket, [](const netlink::Link& link) { return link.name == "pods"; });
}

}  // namespace

TEST_CASE("host network: global, permanent and stable addresses come first, unusable ones are left out") {
  const auto first = [](const flanneld::HostInterface& one, base::Family family) {
    const auto usable = one.usable_addresses(family);
    return usable.empty() ? std::string("none") : usable.front().str();
  };
  auto one = interface(2, "eth0", {"169.254.3.4/16", "10.0.0.1/24", "10.0.0.2/24", "224.0.0.1/4"});
  CHECK(first(one, base::Family::v4) == "10.0.0.1");
  CHECK(one.usable_addresses(base::Family::v4).size() == 3);
  one.addresses[1].secondary = true;
  CHECK(first(one, base::Family::v4) == "10.0.0.2");
  one.addresses[2].permanent = false;
  CHECK(first(one, base::Family::v4) == "10.0.0.1");
  one.addresses[1].deprecated = true;
  CHECK(first(one, base::Family::v4) == "10.0.0.2");
  CHECK(first(one, base::Family::v6) == "none");
  const auto link_local = interface(2, "eth0", {"169.254.3.4/16", "fe80::1/64"});
  CHECK(first(link_local, base::Family::v4) == "169.254.3.4");
  CHECK(first(link_local, base::Family::v6) == "fe80::1");
}

TEST_CASE_FIXTURE(ScopedNetns, "host network: interfaces, addresses and routes are read from the kernel") {
  if (!made()) return;
  auto socket = netlink::NetlinkSocket::open();
  CHECK(choice(read_host(socket), v4()) == "none: default route: there is no IPv4 default route");
  CHECK(netlink::route_toward(socket, ip("203.0.113.1")) == std::nullopt);

  netlink::VethPair pair;
  pair.local = {"eth0", {{2, 0, 0, 0, 0, 1}}};
  pair.peer = {"eth1", {{2, 0, 0, 0, 0, 2}}};
  REQUIRE(netlink::create_veth(socket, pair));
  for (const char* name : {"lo", "eth0", "eth1"}) netlink::set_up(socket, *netlink::find_link(socket, name));
  const auto eth0 = netlink::find_link(socket, "eth0").value();
  const auto eth1 = netlink::find_link(socket, "eth1").value();
  netlink::add_address(socket, eth0, base::IpNet::parse("192.0.2.10/24").value());
  netlink::add_address(socket, eth0, base::IpNet::parse("192.0.2.11/24").value());
  netlink::add_address(socket, eth1, base::IpNet::parse("198.51.100.10/24").value());
  netlink::add_address(socket, eth0, base::IpNet::parse("fd00:1::10/64").value());
  const auto add_default = [&](const netlink::Link& link, const char* gw, uint32_t priority) {
    netlink::Route route{.gw = ip(gw), .ifindex = link.ifindex, .protocol = netlink::kProtocolBoot};
    route.dst = base::default_route(route.gw->family());
    route.priority = priority;
    socket.request(netlink::add_route_request(route), "add a default route");
  };
  add_default(eth0, "192.0.2.1", 200);
  add_default(eth1, "198.51.100.1", 100);
  add_default(eth0, "fd00:1::1", 0);

  const HostNetwork host = read_host(socket);
  REQUIRE(host.interfaces.size() == 3);
  CHECK(host.interfaces[0].name == "lo");
  CHECK(host.default_v4.size() == 2);
  CHECK(choice(host, v4()) == "eth1 198.51.100.10 - 198.51.100.10 - by default route");
  CHECK(choice(host, v6()) == "eth0 - fd00:1::10 - fd00:1::10 by default route");
  CHECK(choice(host, by_iface(dual(), {"eth0"})).starts_with("eth0 192.0.2.10 fd00:1::10"));
  auto reach = v4();
  reach.can_reach = ip("192.0.2.77");
  CHECK(choice(host, reach).starts_with("eth0 192.0.2.10"));
  const auto direct = netlink::route_toward(socket, ip("fd00:1::77"));
  REQUIRE(direct.has_value());
  CHECK(direct->ifindex == eth0.ifindex);
  CHECK(direct->gw == std::nullopt);
  CHECK(direct->prefsrc == ip("fd00:1::10"));
  const auto through = netlink::route_toward(socket, ip("203.0.113.1"));
  REQUIRE(through.has_value());
  CHECK(through->gw == ip("198.51.100.1"));
}
