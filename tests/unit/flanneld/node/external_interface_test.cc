#include "flanneld/node/external_interface.h"

#include <doctest/doctest.h>

#include <optional>

#include "tests/unit/flanneld/node/host_support.h"

using namespace flanneld_test;
using flanneld::HostNetwork;
using flanneld::InterfaceRequest;

namespace {

/// With several links a multipath route.
netlink::Route default_route(std::vector<int> links) {
  if (links.size() == 1) return {.ifindex = links.front()};
  return {.paths = std::move(links)};
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
  host.default_v4 = {default_route({2}), default_route({3})};
  host.default_v6 = {default_route({2})};
  host.route_toward = [](const base::IpAddress& to) -> std::optional<netlink::Route> {
    if (to == ip("192.168.1.1")) return netlink::Route{.ifindex = 3, .prefsrc = ip("192.168.1.11")};
    if (to == ip("fd00:1::1")) return netlink::Route{.ifindex = 3, .prefsrc = ip("fd00:1::10")};
    if (to == ip("10.9.9.9")) return netlink::Route{.ifindex = 77};
    return std::nullopt;
  };
  return host;
}

template <class Change>
InterfaceRequest with(InterfaceRequest request, Change&& change) {
  change(request);
  return request;
}
InterfaceRequest by_regex(InterfaceRequest request, std::vector<std::string> patterns) {
  request.iface_regex = std::move(patterns);
  return request;
}

}  // namespace

TEST_CASE("external interface: the default route in use decides when no flag does") {
  HostNetwork host = usual();
  CHECK(choice(host, v4()) == "eth0 10.0.2.15 - 10.0.2.15 - by default route");
  CHECK(choice(host, v6()) == "eth0 - fd00:2::15 - fd00:2::15 by default route");
  CHECK(choice(host, dual()) == "eth0 10.0.2.15 fd00:2::15 10.0.2.15 fd00:2::15 by default route");
  host.default_v4 = {default_route({3})};
  CHECK(choice(host, dual()) ==
        "none: default route: the default routes differ: IPv4 goes through 'eth1', IPv6 through 'eth0'");
  host.default_v4 = {default_route({3, 2})};
  CHECK(choice(host, v4()) ==
        "none: default route: the IPv4 default route has paths over several interfaces");
  host.default_v4 = {default_route({3, 3})};
  CHECK(choice(host, v4()) == "eth1 192.168.1.10 - 192.168.1.10 - by default route");
  host.default_v4.clear();
  CHECK(choice(host, v4()) == "none: default route: there is no IPv4 default route");
  host.interfaces.resize(1);  // loopback only
  host.default_v4 = {default_route({1})};
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

TEST_CASE("external interface: the address by which a cluster knows the node goes before the default route") {
  const HostNetwork host = usual();
  const auto known_as = [](InterfaceRequest request, const std::vector<std::string>& addresses) {
    for (const std::string& one : addresses) request.node_addresses.push_back(ip(one));
    return request;
  };
  CHECK(choice(host, known_as(v4(), {"192.168.1.11"})) ==
        "eth1 192.168.1.11 - 192.168.1.11 - by the Node's address 192.168.1.11");
  CHECK(choice(host, known_as(dual(), {"192.168.1.11", "fd00:1::10"})) ==
        "eth1 192.168.1.11 fd00:1::10 192.168.1.11 fd00:1::10 by the Node's address 192.168.1.11");
  CHECK(choice(host, known_as(v4(), {"fd00:1::10", "203.0.113.9"})) ==
        "eth0 10.0.2.15 - 10.0.2.15 - by default route");
  CHECK(choice(host, by_iface(known_as(v4(), {"192.168.1.11"}), {"eth0"})) ==
        "eth0 10.0.2.15 - 10.0.2.15 - by --iface=eth0");
  // A public address that is no interface's is what a NAT makes of the node's.
  CHECK(choice(host, with(known_as(v4(), {"192.168.1.11"}), [](InterfaceRequest& one) {
                 one.public_ip = ip("203.0.113.1");
               })) == "eth1 192.168.1.11 - 203.0.113.1 - by the Node's address 192.168.1.11");
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

TEST_CASE("external interface: an interface without MTU is rejected") {
  HostNetwork host;
  host.interfaces = {interface(2, "eth0", {"10.0.0.1/24"})};
  host.interfaces[0].mtu = 0;
  CHECK(choice(host, by_iface(v4(), {"eth0"})) == "none: --iface=eth0: interface 'eth0' has an MTU of 0");
}

TEST_CASE("external interface: a deprecated address serves when it is asked for by itself") {
  HostNetwork host;
  host.interfaces = {interface(2, "eth0", {"10.0.0.1/24", "10.0.0.2/24"})};
  host.interfaces[0].addresses[0].deprecated = true;
  CHECK(choice(host, by_iface(v4(), {"10.0.0.1"})).starts_with("eth0 10.0.0.1"));
  CHECK(choice(host, by_iface(v4(), {"eth0"})).starts_with("eth0 10.0.0.2"));
}

TEST_CASE(
    "external interface: --iface-cidr takes the address within the network, and the interface with it") {
  const HostNetwork host = usual();
  const auto by_cidr = [](InterfaceRequest request, std::vector<const char*> cidrs) {
    for (const char* cidr : cidrs) request.iface_cidr.push_back(net(cidr));
    return request;
  };
  CHECK(choice(host, by_cidr(v4(), {"192.168.0.0/16"})) ==
        "eth1 192.168.1.10 - 192.168.1.10 - by --iface-cidr=192.168.0.0/16");
  CHECK(choice(host, by_cidr(v4(), {"192.168.1.11/32"})).starts_with("eth1 192.168.1.11"));
  CHECK(choice(host, by_cidr(v4(), {"198.18.0.0/15", "172.16.0.0/12"})).starts_with("eth1.7 172.16.7.10"));
  CHECK(choice(host, by_cidr(v6(), {"fd00:1::/64"})).starts_with("eth1 - fd00:1::10"));
  CHECK(choice(host, by_cidr(dual(), {"192.168.0.0/16"})).starts_with("eth1 192.168.1.10 fd00:1::10"));
  CHECK(choice(host, by_cidr(dual(), {"192.168.0.0/16", "fe80::/10"}))
            .starts_with("eth1 192.168.1.10 fe80::3"));
  CHECK(choice(host, by_cidr(v4(), {"198.18.0.0/15"})) ==
        "none: --iface-cidr=198.18.0.0/15: no interface has an address within it; there are eth0 10.0.2.15, "
        "eth1 192.168.1.10 192.168.1.11, eth1.7 172.16.7.10");
  auto after_names = by_cidr(v4(), {"192.168.0.0/16"});
  after_names.iface = {"eth0"};
  CHECK(choice(host, after_names).ends_with("by --iface=eth0"));
}

TEST_CASE("external interface: of several that match, one that is up and has an address is taken") {
  HostNetwork host = usual();
  host.interfaces.insert(host.interfaces.begin() + 1, interface(7, "veth12", {}));
  CHECK(choice(host, by_regex(v4(), {"eth1?"})).starts_with("eth0 10.0.2.15"));
  host.interfaces[2].flags = 0;
  CHECK(choice(host, by_regex(v4(), {"eth1?"})).starts_with("eth1 192.168.1.10"));
  CHECK(choice(host, v4()).starts_with("eth0"));  // a rule that names one thing asks for just that
  host.interfaces[2].addresses.clear();
  CHECK(choice(host, v4()).starts_with("eth1"));  // the next default route
}
