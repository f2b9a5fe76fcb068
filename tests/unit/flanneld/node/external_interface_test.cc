#include "flanneld/node/external_interface.h"
#include "flanneld/node/iface_regex.h"

#include <doctest/doctest.h>
#include <sched.h>
#include <unistd.h>

#include <optional>

#include "common/base/error.h"
#include "common/netlink/link.h"
#include "common/netlink/netns.h"
#include "common/netlink/veth.h"

using flanneld::ExternalInterface;
using flanneld::HostInterface;
using flanneld::HostNetwork;
using flanneld::InterfaceRequest;

namespace {

base::IpAddress ip(const std::string& text) { return base::IpAddress::parse(text).value(); }

netlink::Address address(const std::string& text) {
  netlink::Address result{base::IpNet::parse(text).value()};
  result.permanent = true;
  return result;
}

HostInterface interface(int ifindex, const std::string& name, const std::vector<std::string>& nets) {
  HostInterface result{ifindex, name, 0, 1500, {}};
  for (const std::string& net : nets) result.addresses.push_back(address(net));
  return result;
}

/// lo, eth0 with the default routes, eth1, and a VLAN on it.
HostNetwork usual() {
  HostNetwork host;
  host.interfaces = {
      interface(1, "lo", {"127.0.0.1/8", "::1/128"}),
      interface(2, "eth0", {"10.0.2.15/24", "fd00:2::15/64", "fe80::2/64"}),
      interface(3, "eth1", {"192.168.1.10/24", "192.168.1.11/24", "fd00:1::10/64", "fe80::3/64"}),
      interface(4, "eth1.7", {"172.16.7.10/24"}),
  };
  host.default_v4 = {{100, {2}}, {200, {3}}};
  host.default_v6 = {{1024, {2}}};
  host.route_toward = [](const base::IpAddress& to) -> std::optional<netlink::RouteAnswer> {
    if (to == ip("192.168.1.1")) return netlink::RouteAnswer{3, ip("192.168.1.11"), {}};
    if (to == ip("fd00:1::1")) return netlink::RouteAnswer{3, ip("fd00:1::10"), {}};
    if (to == ip("10.9.9.9")) return netlink::RouteAnswer{77, {}, {}};
    return std::nullopt;
  };
  return host;
}

std::string text(const std::optional<base::IpAddress>& one) { return one ? one->str() : "-"; }

/// "name v4 v6 public-v4 public-v6 by rule", or "none: reasons".
std::string choice(const HostNetwork& host, const InterfaceRequest& request) {
  const auto result = flanneld::choose_external_interface(host, request);
  if (!result.chosen) return "none: " + result.reasons();
  const ExternalInterface& one = *result.chosen;
  return one.name + " " + text(one.ipv4) + " " + text(one.ipv6) + " " + text(one.public_ipv4) + " " +
         text(one.public_ipv6) + " by " + one.rule;
}

InterfaceRequest v4() { return {}; }
InterfaceRequest v6() {
  InterfaceRequest request;
  request.ipv4 = false;
  request.ipv6 = true;
  return request;
}
InterfaceRequest dual() {
  InterfaceRequest request;
  request.ipv6 = true;
  return request;
}
template <class Change>
InterfaceRequest with(InterfaceRequest request, Change&& change) {
  change(request);
  return request;
}
InterfaceRequest by_iface(InterfaceRequest request, std::vector<std::string> names) {
  request.iface = std::move(names);
  return request;
}
InterfaceRequest by_regex(InterfaceRequest request, std::vector<std::string> patterns) {
  request.iface_regex = std::move(patterns);
  return request;
}

}  // namespace

TEST_CASE("external interface: the default route in use decides when nothing is asked for") {
  HostNetwork host = usual();
  CHECK(choice(host, v4()) == "eth0 10.0.2.15 - 10.0.2.15 - by default route");
  CHECK(choice(host, v6()) == "eth0 - fd00:2::15 - fd00:2::15 by default route");
  CHECK(choice(host, dual()) == "eth0 10.0.2.15 fd00:2::15 10.0.2.15 fd00:2::15 by default route");
  host.default_v4 = {{0, {3}}};
  CHECK(choice(host, dual()) ==
        "none: default route: the default routes differ: IPv4 goes through 'eth1', IPv6 through 'eth0'");
  host.default_v4 = {{0, {3, 2}}};
  CHECK(choice(host, v4()) ==
        "none: default route: the IPv4 default route has paths over several interfaces");
  host.default_v4 = {{0, {3, 3}}};
  CHECK(choice(host, v4()) == "eth1 192.168.1.10 - 192.168.1.10 - by default route");
  host.default_v4.clear();
  CHECK(choice(host, v4()) == "none: default route: there is no IPv4 default route");
  host.interfaces.resize(1);  // loopback only
  host.default_v4 = {{0, {1}}};
  CHECK(choice(host, v4()) == "none: default route: interface 'lo' has no usable IPv4 address");
}

TEST_CASE("external interface: a public address without --iface must be the node's own") {
  const HostNetwork host = usual();
  const auto public_ip = [](InterfaceRequest request, const char* one) {
    request.public_ip = ip(one);
    return request;
  };
  CHECK(choice(host, public_ip(v4(), "192.168.1.11")) ==
        "eth1 192.168.1.11 - 192.168.1.11 - by --public-ip=192.168.1.11");
  CHECK(choice(host, public_ip(v4(), "203.0.113.9")) ==
        "none: --public-ip=203.0.113.9: no interface has the address 203.0.113.9; behind NAT --iface must "
        "say which interface to use");
  CHECK(choice(host, by_iface(public_ip(v4(), "203.0.113.9"), {"eth1"})) ==
        "eth1 192.168.1.10 - 203.0.113.9 - by --iface=eth1");
  auto both = public_ip(dual(), "192.168.1.10");
  both.public_ipv6 = ip("fd00:1::10");
  CHECK(choice(host, both) ==
        "eth1 192.168.1.10 fd00:1::10 192.168.1.10 fd00:1::10 by --public-ip=192.168.1.10");
  both.public_ipv6 = ip("fd00:2::15");
  CHECK(choice(host, both).find("'eth1' does not have the public IPv6 address fd00:2::15") !=
        std::string::npos);
  CHECK(choice(host, with(v6(), [](auto& one) { one.public_ipv6 = ip("fd00:1::10"); })) ==
        "eth1 - fd00:1::10 - fd00:1::10 by --public-ipv6=fd00:1::10");
}

TEST_CASE("external interface: --iface by name and by address, in order") {
  const HostNetwork host = usual();
  CHECK(choice(host, by_iface(v4(), {"eth1.7"})) == "eth1.7 172.16.7.10 - 172.16.7.10 - by --iface=eth1.7");
  CHECK(choice(host, by_iface(v4(), {"192.168.1.11"})) ==
        "eth1 192.168.1.11 - 192.168.1.11 - by --iface=192.168.1.11");
  CHECK(choice(host, by_iface(v6(), {"fd00:1::10"})) ==
        "eth1 - fd00:1::10 - fd00:1::10 by --iface=fd00:1::10");
  CHECK(choice(host, by_iface(dual(), {"fd00:1::10"})) ==
        "eth1 192.168.1.10 fd00:1::10 192.168.1.10 fd00:1::10 by --iface=fd00:1::10");
  CHECK(choice(host, by_iface(v4(), {"eth9"})) ==
        "none: --iface=eth9: there is no interface 'eth9'; there are lo, eth0, eth1, eth1.7");
  CHECK(choice(host, by_iface(v4(), {"127.0.0.1"})) ==
        "none: --iface=127.0.0.1: no interface has the address 127.0.0.1");
  CHECK(choice(host, by_iface(v4(), {"fd00:1::10"})).find("does not enable that family") !=
        std::string::npos);
  CHECK(choice(host, by_iface(dual(), {"eth1.7", "eth1"})) ==
        "eth1 192.168.1.10 fd00:1::10 192.168.1.10 fd00:1::10 by --iface=eth1");
  const auto tried = flanneld::choose_external_interface(host, by_iface(dual(), {"eth9", "eth1.7", "eth1"}));
  CHECK(tried.rejected.size() == 2);
  CHECK(tried.rejected.at(1) == "--iface=eth1.7: interface 'eth1.7' has no usable IPv6 address");
}

TEST_CASE("external interface: --iface-regex looks at all addresses, then at names") {
  const HostNetwork host = usual();
  CHECK(choice(host, by_regex(v4(), {"^192\\.168\\..*11$"})) ==
        "eth1 192.168.1.11 - 192.168.1.11 - by --iface-regex=^192\\.168\\..*11$");
  CHECK(choice(host, by_regex(v4(), {"^eth1$"})) ==
        "eth1 192.168.1.10 - 192.168.1.10 - by --iface-regex=^eth1$");
  CHECK(choice(host, by_regex(v4(), {"(?i)ETH1\\."})).starts_with("eth1.7 172.16.7.10"));
  CHECK(choice(host, by_regex(v4(), {"1"})).starts_with("eth0 10.0.2.15"));  // addresses before names
  CHECK(choice(host, by_regex(dual(), {"(192|fd00:1)"})).starts_with("eth1 192.168.1.10 fd00:1::10"));
  CHECK(choice(host, by_regex(dual(), {"^192"})).find("matches no interface") != std::string::npos);
  CHECK(choice(host, by_regex(v6(), {"^fd00:1"})).starts_with("eth1 - fd00:1::10"));
  CHECK(choice(host, by_regex(v4(), {"(", "eth0"})).ends_with("by --iface-regex=eth0"));
  auto both = by_regex(v4(), {"eth0"});
  both.iface = {"eth9", "eth1"};
  CHECK(choice(host, both).ends_with("by --iface=eth1"));
  // As upstream's compiler, which has neither back references nor long repetitions.
  for (const char* pattern : {"[", "(e)\\1", "e{1001}", "\xff"})
    CHECK_THROWS_AS((void)flanneld::IfaceRegex(pattern), base::ParseError);
  for (const char* pattern :
       {"eth\\d{1,4}", "enp1s12345", "\\\\1", "e{2,3},99999", "[[:alpha:]]+", "(?P<name>e)"})
    CHECK_NOTHROW((void)flanneld::IfaceRegex(pattern));
  // In linear time.
  CHECK_FALSE(flanneld::IfaceRegex("(e+)+$").occurs_in(std::string(10'000, 'e') + "!"));
}

TEST_CASE("external interface: --iface-can-reach follows the kernel's route and source, last") {
  const HostNetwork host = usual();
  const auto reach = [](InterfaceRequest request, const char* target) {
    request.can_reach = ip(target);
    return request;
  };
  CHECK(choice(host, reach(v4(), "192.168.1.1")) ==
        "eth1 192.168.1.11 - 192.168.1.11 - by --iface-can-reach=192.168.1.1");
  CHECK(choice(host, reach(v6(), "fd00:1::1")).starts_with("eth1 - fd00:1::10"));
  CHECK(choice(host, reach(dual(), "192.168.1.1")).starts_with("eth1 192.168.1.11 fd00:1::10"));
  CHECK(choice(host, reach(v4(), "203.0.113.1")) ==
        "none: --iface-can-reach=203.0.113.1: the kernel has no route to it");
  CHECK(choice(host, reach(v4(), "10.9.9.9")).find("index 77 has just gone") != std::string::npos);
  CHECK(choice(host, by_iface(reach(v4(), "192.168.1.1"), {"eth0"})).ends_with("by --iface=eth0"));
  CHECK(choice(host, by_iface(reach(v4(), "192.168.1.1"), {"eth9"})).starts_with("eth1 192.168.1.11"));
}

TEST_CASE("external interface: the best address of an interface") {
  const auto first = [](const HostInterface& one, base::Family family) {
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

  HostNetwork host;
  host.interfaces = {one};
  host.interfaces[0].mtu = 0;
  CHECK(choice(host, by_iface(v4(), {"eth0"})) == "none: --iface=eth0: interface 'eth0' has an MTU of 0");
  host.interfaces[0].mtu = 1500;  // a deprecated address serves when asked for by itself
  CHECK(choice(host, by_iface(v4(), {"10.0.0.1"})).starts_with("eth0 10.0.0.1"));
}

namespace {

/// A network namespace of its own for the length of a test.
class ScopedNetns {
 public:
  ScopedNetns() {
    home_.emplace(netlink::Netns::open("/proc/thread-self/ns/net"));
    made_ = ::unshare(CLONE_NEWNET) == 0;
  }
  ScopedNetns(const ScopedNetns&) = delete;
  ScopedNetns& operator=(const ScopedNetns&) = delete;
  ~ScopedNetns() {
    if (made_ && ::setns(home_->fd(), CLONE_NEWNET) != 0) ::abort();
  }
  [[nodiscard]] bool made() const { return made_; }

 private:
  std::optional<netlink::Netns> home_;
  bool made_ = false;
};

}  // namespace

TEST_CASE("external interface: the kernel's view of a namespace") {
  const ScopedNetns netns;
  if (!netns.made()) {
    MESSAGE("skipped: no right to make a network namespace");
    return;
  }
  auto socket = netlink::NetlinkSocket::open();
  CHECK(choice(flanneld::read_host_network(socket), v4()) ==
        "none: default route: there is no IPv4 default route");
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
    netlink::RouteSpec route;
    route.gw = ip(gw);
    route.dst = base::default_route(route.gw->family());
    route.priority = priority;
    REQUIRE(netlink::add_route(socket, link, route));
  };
  add_default(eth0, "192.0.2.1", 200);
  add_default(eth1, "198.51.100.1", 100);
  add_default(eth0, "fd00:1::1", 0);

  const HostNetwork host = flanneld::read_host_network(socket);
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
