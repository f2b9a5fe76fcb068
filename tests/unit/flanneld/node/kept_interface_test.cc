// What keeps an uplink, and what can never be one.
#include <doctest/doctest.h>

#include "flanneld/node/candidates.h"
#include "tests/unit/flanneld/node/host_support.h"

using namespace flanneld_test;
using flanneld::HostNetwork;
using flanneld::InterfaceRequest;

namespace {

/// The pod network 10.5.0.0/16 and fd00:10::/48, of which nodes get /24 and /64.
std::vector<flanneld::FamilyConfig> pod_networks() {
  const auto config = flanneld::NetworkConfig::parse(
      R"({"Network":"10.5.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:10::/48","Backend":{"Type":"vxlan"}})");
  return {*config.ipv4, *config.ipv6};
}

/// eth0 with the default route, a VPN with a better one, and what flannel makes.
HostNetwork node() {
  HostNetwork host;
  host.interfaces = {interface(2, "eth0", {"192.168.1.10/24", "fd00:1::10/64"}),
                     interface(3, "tun0", {"10.8.0.6/32", "fd00:8::6/64"}),
                     interface(4, "flannel.1", {"10.5.7.0/32", "fe80::4/64"}),
                     interface(5, "cni0", {"10.5.7.1/24", "fd00:10:0:7::1/64", "172.30.0.1/24"}),
                     interface(6, "cbr0", {"10.5.8.1/24"}),
                     interface(7, "veth0", {"fe80::7/64"})};
  for (const size_t own : {2, 3, 5}) host.interfaces[own].is_flannels = true;
  host.default_v4 = {{.ifindex = 3}, {.ifindex = 2}};
  host.default_v6 = {{.ifindex = 3}, {.ifindex = 2}};
  host.route_toward = [](const base::IpAddress& to) -> std::optional<netlink::Route> {
    return netlink::Route{.ifindex = to == ip("10.5.8.9") ? 6 : 4, .prefsrc = ip("10.5.8.1")};
  };
  return host;
}

InterfaceRequest request(InterfaceRequest one = v4()) {
  one.pod_networks = pod_networks();
  return one;
}

/// The node uses eth0.
InterfaceRequest in_use(InterfaceRequest one = v4()) {
  const auto host = node();
  auto at_start = request(one);
  at_start.iface = {"eth0"};
  one = request(one);
  one.in_use = flanneld::choose_external_interface(host, at_start).chosen;
  return one;
}

std::string lost(const HostNetwork& host, const InterfaceRequest& request) {
  return flanneld::choose_external_interface(host, request).lost.value_or("kept");
}

}  // namespace

TEST_CASE("external interface: flannel's own interfaces are none, however they are asked for") {
  const HostNetwork host = node();
  for (const char* own : {"flannel.1", "cni0", "veth0"}) {
    CHECK(choice(host, by_iface(request(), {own})) ==
          fmt::format("none: --iface={0}: interface '{0}' is flannel's own, it leads to pods", own));
    auto by_regex = request(v6());
    by_regex.iface_regex = {fmt::format("^{}$", own)};
    CHECK(choice(host, by_regex).starts_with("none"));
  }
  auto reach = request();
  reach.can_reach = ip("10.5.9.9");
  CHECK(contains(choice(host, reach), "'flannel.1' is flannel's own"));
  CHECK(choice(host, by_iface(request(), {"172.30.0.1"})).starts_with("none"));
  HostNetwork routed = node();
  routed.default_v4 = {{.ifindex = 5}};
  CHECK(contains(choice(routed, request()), "'cni0' is flannel's own"));
}

TEST_CASE("external interface: no address within the pod network is the node's, on whatever interface") {
  HostNetwork host = node();
  CHECK(contains(choice(host, by_iface(request(), {"cbr0"})),
                 "'cbr0' has no usable IPv4 address: 10.5.8.1 is within the pod network 10.5.0.0/16"));
  CHECK(contains(choice(host, by_iface(request(), {"10.5.8.1"})), "is within the pod network"));
  auto other = request();
  other.iface_regex = {"^10\\.5\\."};
  CHECK(contains(choice(host, other), "matches no interface"));
  other = request();
  other.iface_cidr = {net("10.5.0.0/16")};
  CHECK(contains(choice(host, other), "no interface has an address within it"));
  other = request();
  other.can_reach = ip("10.5.8.9");
  CHECK(contains(choice(host, other), "10.5.8.1 is within the pod network"));
  other = request();
  other.public_ip = ip("10.5.8.1");
  CHECK(contains(choice(host, other), "is within the pod network"));
  other = by_iface(request(), {"eth0"});
  other.public_ip = ip("10.5.200.1");
  CHECK(contains(choice(host, other), "10.5.200.1 is within the pod network"));
  host.interfaces[0].addresses.insert(host.interfaces[0].addresses.begin(), address("10.5.8.77/24"));
  CHECK(choice(host, by_iface(request(), {"eth0"})).starts_with("eth0 192.168.1.10"));
}

TEST_CASE("external interface: what is in use is kept, whatever else would be chosen now") {
  HostNetwork host = node();
  CHECK(choice(host, request()).starts_with("tun0 10.8.0.6"));
  CHECK(choice(host, in_use()) == "eth0 192.168.1.10 - 192.168.1.10 - by --iface=eth0");
  CHECK(choice(host, in_use(dual())).starts_with("eth0 192.168.1.10 fd00:1::10"));
  auto& addresses = host.interfaces[0].addresses;
  addresses.insert(addresses.begin(), address("192.168.1.100/24"));
  addresses[1].permanent = false;
  CHECK(choice(host, in_use()).starts_with("eth0 192.168.1.10 "));
  host.interfaces[0].mtu = 9000;
  CHECK(flanneld::choose_external_interface(host, in_use()).chosen->mtu == 9000);
}

TEST_CASE(
    "external interface: it is given up with its address, its interface, or when one of them is retired") {
  HostNetwork host = node();
  host.interfaces[0].addresses[0].deprecated = true;
  CHECK(lost(host, in_use()) == "the address 192.168.1.10 is deprecated at interface 'eth0'");
  host.interfaces[0].addresses.clear();
  CHECK(lost(host, in_use()) == "the address 192.168.1.10 has gone from interface 'eth0'");
  CHECK(choice(host, in_use()).starts_with("tun0 10.8.0.6"));
  host = node();
  host.interfaces[0].flags = 0;
  CHECK(lost(host, in_use()) == "interface 'eth0' is down");
  host.interfaces.erase(host.interfaces.begin());
  CHECK(lost(host, in_use()) == "interface 'eth0' has gone");
  host = node();
  auto changed = in_use();
  changed.pod_networks[0].network = net("192.168.0.0/16");
  changed.pod_networks[0].subnet_min = ip("192.168.0.0");
  changed.pod_networks[0].subnet_max = ip("192.168.255.0");
  CHECK(contains(lost(host, changed), "192.168.1.10 is within the pod network 192.168.0.0/16"));
}

TEST_CASE(
    "external interface: after a restart the rule decides, and of its answers the one known by the peers") {
  HostNetwork host = node();
  auto known = request();
  known.known = {ip("192.168.1.10")};
  CHECK(choice(host, known).starts_with("eth0 192.168.1.10"));  // it still has a default route
  host.default_v4.pop_back();
  CHECK(choice(host, known).starts_with("tun0 10.8.0.6"));
  host.interfaces[0].addresses.insert(host.interfaces[0].addresses.begin(), address("192.168.1.100/24"));
  CHECK(choice(host, by_iface(known, {"eth0"})).starts_with("eth0 192.168.1.10 "));
  CHECK(choice(host, by_iface(known, {"tun0"})).starts_with("tun0"));
}

TEST_CASE("external interface: a floating address is not taken for the node's own at its first start") {
  HostNetwork host = node();
  auto& addresses = host.interfaces[0].addresses;
  addresses[0].permanent = false;  // by DHCP
  addresses.insert(addresses.begin(), address("192.168.1.100/32"));
  CHECK(choice(host, by_iface(request(), {"eth0"})).starts_with("eth0 192.168.1.10 "));
}

TEST_CASE("external interface: the candidates are what could be used") {
  CHECK(flanneld::describe_candidates(node(), request()) == "eth0 192.168.1.10, tun0 10.8.0.6");
}
