// Each kind of object as the kernel shows it after a request of ours.
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>

#include "common/netlink/address.h"
#include "common/netlink/bridge.h"
#include "common/netlink/link.h"
#include "common/netlink/monitor.h"
#include "common/netlink/neighbour.h"
#include "common/netlink/route.h"
#include "common/netlink/steps.h"
#include "common/netlink/veth.h"
#include "common/netlink/vxlan.h"
#include "tests/support/addresses.h"
#include "tests/support/scoped_netns.h"

using netlink::NetlinkSocket;
using netlink::Route;
using test::ip;
using test::mac;
using test::net;

namespace {

netlink::Link make_veth(NetlinkSocket& socket, int master = 0) {
  REQUIRE(netlink::create_veth(
      socket, {.local = {"eth0", mac(1)}, .peer = {"eth1", mac(2)}, .master = master, .mtu = 1400}));
  return netlink::find_link(socket, "eth0").value();
}

netlink::Link make_vxlan(NetlinkSocket& socket) {
  netlink::VxlanSpec spec{.name = "vx0", .vni = 7, .port = 4789, .mac = mac(9)};
  const auto device = netlink::ensure_vxlan(socket, spec);
  netlink::set_up(socket, device.link);
  return device.link;
}

}  // namespace

TEST_CASE_FIXTURE(ScopedNetns, "netlink objects: a veth pair has its names, addresses, MTU and bridge") {
  if (!made()) return;
  auto socket = NetlinkSocket::open();
  const auto bridge = netlink::ensure_bridge(socket, {.name = "br0", .mtu = 1400});
  CHECK(bridge.created);
  CHECK(bridge.link.kind == "bridge");
  CHECK(bridge.link.is_up());
  CHECK_FALSE(netlink::ensure_bridge(socket, {.name = "br0"}).created);

  const auto local = make_veth(socket, bridge.link.ifindex);
  const auto peer = netlink::find_link(socket, "eth1").value();
  CHECK(local.kind == "veth");
  CHECK(local.is_up());
  CHECK(local.mac == mac(1));
  CHECK(local.mtu == 1400);
  CHECK(local.master == bridge.link.ifindex);
  CHECK(local.peer == peer.ifindex);
  CHECK_FALSE(peer.is_up());
  CHECK(peer.mac == mac(2));
  CHECK(peer.peer == local.ifindex);
  CHECK_FALSE(netlink::create_veth(socket, {.local = {"eth0", mac(1)}, .peer = {"eth2", mac(2)}}));
}

TEST_CASE_FIXTURE(ScopedNetns,
                  "netlink objects: a bridge port keeps an alias of 255 bytes with its options") {
  if (!made()) return;
  auto socket = NetlinkSocket::open();
  const auto bridge = netlink::ensure_bridge(socket, {.name = "br0"});
  make_veth(socket, bridge.link.ifindex);
  const std::string alias(255, 'a');
  netlink::set_port_options(socket, "eth0", {.hairpin = true, .isolated = true, .alias = alias});
  const auto ports = netlink::ports_of(socket, bridge.link.ifindex);
  REQUIRE(ports.size() == 1);
  CHECK(ports.front().alias == alias);
}

TEST_CASE_FIXTURE(ScopedNetns, "netlink objects: a link's MTU, MAC and flags change, and it can be removed") {
  if (!made()) return;
  auto socket = NetlinkSocket::open();
  const auto link = make_veth(socket);
  netlink::set_mtu(socket, link, 1300);
  netlink::set_mac(socket, link, mac(5));
  netlink::set_promiscuous(socket, link);
  const auto changed = netlink::find_link(socket, link.ifindex).value();
  CHECK(changed.mtu == 1300);
  CHECK(changed.mac == mac(5));
  CHECK(changed.is_promiscuous());
  CHECK(netlink::remove_link(socket, "eth0"));
  CHECK_FALSE(netlink::remove_link(socket, "eth0"));
  CHECK_FALSE(netlink::find_link(socket, "eth0"));
  CHECK_FALSE(netlink::remove_link(socket, "a name that is too long"));
}

TEST_CASE_FIXTURE(ScopedNetns, "netlink objects: a name that is too long is refused, not cut") {
  if (!made()) return;
  auto socket = NetlinkSocket::open();
  CHECK_THROWS_AS(netlink::ensure_bridge(socket, {.name = "sixteen-bytes-xx"}), base::KernelError);
  CHECK(netlink::all_links(socket).size() == 1);
}

TEST_CASE_FIXTURE(ScopedNetns, "netlink objects: addresses of both families are added, listed and removed") {
  if (!made()) return;
  auto socket = NetlinkSocket::open();
  const auto link = make_veth(socket);
  CHECK(netlink::add_address(socket, link, net("10.1.0.1/24")));
  CHECK_FALSE(netlink::add_address(socket, link, net("10.1.0.1/24")));
  CHECK(netlink::add_address(socket, link, net("fd00::1/64")));
  const auto v4 = netlink::addresses_of(socket, link, base::Family::v4);
  REQUIRE(v4.size() == 1);
  CHECK(v4.front().net == net("10.1.0.1/24"));
  CHECK(v4.front().permanent);
  CHECK(v4.front().label == "eth0");
  const auto v6 = netlink::addresses_of(socket, link, base::Family::v6);
  CHECK(std::any_of(v6.begin(), v6.end(),
                    [](const auto& one) { return one.net == net("fd00::1/64") && !one.tentative; }));
  CHECK(netlink::remove_address(socket, link, net("10.1.0.1/24")));
  CHECK_FALSE(netlink::remove_address(socket, link, net("10.1.0.1/24")));
}

TEST_CASE_FIXTURE(ScopedNetns, "netlink objects: the kernel's routes equal those that were put") {
  if (!made()) return;
  auto socket = NetlinkSocket::open();
  const auto link = make_veth(socket);
  netlink::set_up(socket, netlink::find_link(socket, "eth1").value());
  netlink::add_address(socket, link, net("10.1.0.1/24"));
  const Route plain{.dst = net("10.2.0.0/16"), .gw = ip("10.1.0.2"), .ifindex = link.ifindex, .protocol = 95};
  const Route onlink{.dst = net("10.3.0.0/16"),
                     .gw = ip("10.9.0.2"),
                     .ifindex = link.ifindex,
                     .protocol = 95,
                     .onlink = true,
                     .priority = 7};
  const Route six{.dst = net("fd02::/64"),
                  .gw = ip("fe80::2"),
                  .ifindex = link.ifindex,
                  .protocol = 95,
                  .onlink = true,
                  .priority = netlink::kIpv6Priority};
  const Route metrics{.dst = base::default_route(base::Family::v4),
                      .gw = ip("10.1.0.3"),
                      .ifindex = link.ifindex,
                      .protocol = netlink::kProtocolBoot,
                      .table = 1000,
                      .mtu = 1200,
                      .advmss = 1000};
  const Route hole{
      .dst = net("10.4.0.0/16"), .protocol = 95, .type = Route::Type::blackhole, .priority = 0xffff0000};
  netlink::Steps steps;
  for (const Route& route : {plain, onlink, six, metrics, hole}) {
    steps.add(netlink::put_route_request(route), route.str());
    steps.add(netlink::put_route_request(route), route.str());  // replaces the first
  }
  for (const auto& refusal : steps.send(socket)) FAIL(refusal.error.what());

  const auto has = [](const std::vector<Route>& routes, const Route& route) {
    return std::count(routes.begin(), routes.end(), route) == 1;
  };
  CHECK(has(netlink::routes_of(socket, link.ifindex, base::Family::v4), plain));
  CHECK(has(netlink::routes_of(socket, link.ifindex, base::Family::v4), onlink));
  CHECK(has(netlink::routes_of(socket, link.ifindex, base::Family::v6), six));
  CHECK(has(netlink::routes_through(socket, link.ifindex, base::Family::v4), metrics));
  CHECK_FALSE(has(netlink::routes_of(socket, link.ifindex, base::Family::v4), metrics));
  CHECK(has(netlink::blackholes(socket, base::Family::v4), hole));
  CHECK(netlink::route_toward(socket, ip("10.2.3.4")).value().gw == ip("10.1.0.2"));
  CHECK_FALSE(netlink::route_toward(socket, ip("10.4.0.1")));
  for (const Route& route : {plain, onlink, six, metrics, hole})
    steps.add(netlink::remove_route_request(route), route.str());
  CHECK(steps.send(socket).empty());
}

TEST_CASE_FIXTURE(ScopedNetns, "netlink objects: a vxlan device is made, changed in place, and replaced") {
  if (!made()) return;
  auto socket = NetlinkSocket::open();
  const auto lower = make_veth(socket);
  netlink::VxlanSpec spec{.name = "vx0",
                          .vni = 7,
                          .port = 4789,
                          .local = ip("192.0.2.1"),
                          .lower = lower.ifindex,
                          .mtu = 1300,
                          .mac = mac(9),
                          .gbp = true};
  CHECK(netlink::ensure_vxlan(socket, spec).created);
  CHECK(netlink::find_vxlan(socket, "vx0").value().actual == spec);
  CHECK_FALSE(netlink::find_vxlan(socket, "vx0").value().other_mode);
  CHECK(netlink::ensure_vxlan(socket, spec).writes == 0);

  spec.local = ip("192.0.2.2");
  spec.learning = true;
  spec.mac = mac(8);
  spec.mtu = 1200;
  CHECK_FALSE(netlink::ensure_vxlan(socket, spec).created);
  CHECK(netlink::find_vxlan(socket, "vx0").value().actual == spec);
  spec.port = 4790;
  CHECK(netlink::ensure_vxlan(socket, spec).replaced == "its port is 4789 instead of 4790");
  CHECK_FALSE(netlink::find_vxlan(socket, "eth0").value().actual);
}

TEST_CASE_FIXTURE(ScopedNetns, "netlink objects: the kernel's neighbours and FDB entries equal those put") {
  if (!made()) return;
  auto socket = NetlinkSocket::open();
  const auto device = make_vxlan(socket);
  const netlink::Neighbour neighbour{.ifindex = device.ifindex, .address = ip("10.5.1.0"), .mac = mac(1)};
  const netlink::FdbEntry entry{.ifindex = device.ifindex, .mac = mac(1), .dst = ip("192.0.2.9")};
  netlink::Steps steps;
  steps.add(netlink::put_neighbour_request(neighbour), "neighbour");
  steps.add(netlink::put_fdb_request(entry), "fdb");
  for (const auto& refusal : steps.send(socket)) FAIL(refusal.error.what());
  CHECK(netlink::neighbours_of(socket, device.ifindex, base::Family::v4) == std::vector{neighbour});
  CHECK(netlink::find_neighbour(socket, device.ifindex, neighbour.address) == neighbour);
  const auto entries = netlink::fdb_of(socket, device.ifindex);
  CHECK(std::count(entries.begin(), entries.end(), entry) == 1);

  steps.add(netlink::remove_neighbour_request(neighbour), "neighbour");
  steps.add(netlink::remove_fdb_request(entry), "fdb");
  CHECK(steps.send(socket).empty());
  CHECK_FALSE(netlink::find_neighbour(socket, device.ifindex, neighbour.address));
  steps.add(netlink::remove_neighbour_request(neighbour), "remove a neighbour that is not there");
  CHECK_THROWS_WITH_AS(steps.run(socket, EEXIST),
                       "remove a neighbour that is not there: No such file or directory",
                       netlink::NetlinkError);
}

TEST_CASE_FIXTURE(ScopedNetns, "netlink objects: the kernel's proxy entries equal those put") {
  if (!made()) return;
  auto socket = NetlinkSocket::open();
  const int link = make_vxlan(socket).ifindex;
  const netlink::ProxyEntry entry{.ifindex = link, .address = ip("fd00::2"), .protocol = 95};
  netlink::Steps steps;
  steps.add(netlink::put_proxy_request(entry), "entry");
  steps.add(netlink::put_proxy_request({.ifindex = link, .address = ip("10.5.1.2"), .protocol = 4}), "IPv4");
  for (const auto& refusal : steps.send(socket)) FAIL(refusal.error.what());
  CHECK(netlink::proxy_entries_of(socket, link, base::Family::v6) == std::vector{entry});
  CHECK(netlink::proxy_entries_of(socket, link + 1, base::Family::v6).empty());
  steps.add(netlink::remove_proxy_request(link, ip("fd00::2")), "entry");
  CHECK(steps.send(socket).empty());
  CHECK(netlink::proxy_entries_of(socket, link, base::Family::v6).empty());
}

TEST_CASE_FIXTURE(ScopedNetns, "netlink objects: 5,000 foreign links are listed and announced") {
  if (!made()) return;
  constexpr unsigned kPairs = 2'500;
  auto socket = NetlinkSocket::open();
  netlink::Monitor monitor = netlink::Monitor::open();
  const auto bridge = netlink::ensure_bridge(socket, {.name = "br0"}).link;
  for (unsigned i = 0; i < kPairs; ++i)
    REQUIRE(netlink::create_veth(socket, {.local = {fmt::format("a{}", i), base::MacAddress::random()},
                                          .peer = {fmt::format("b{}", i), base::MacAddress::random()},
                                          .master = i < 1'000 ? bridge.ifindex : 0}));
  CHECK(netlink::all_links(socket).size() == 2 * kPairs + 2);
  CHECK(netlink::ports_of(socket, bridge.ifindex).size() == 1'000);
  CHECK(netlink::find_link(socket, "b2499").has_value());
  size_t links = 0;
  for (bool more = true; more;) {
    more = false;
    monitor.drain([&](const netlink::Change& change) {
      more = true;
      if (std::holds_alternative<netlink::Link>(change.object)) ++links;
    });
  }
  CHECK(links >= 2 * kPairs);
}

TEST_CASE("netlink message: one that is full says so") {
  netlink::Message message(RTM_NEWLINK, 0);
  const std::string big(3000, 'x');
  message.put_string(IFLA_IFALIAS, big);
  CHECK_THROWS_WITH_AS(message.put_string(IFLA_IFALIAS, big), "build a netlink message: Message too long",
                       base::SystemError);
}
