#include "flanneld/kernel/notifications.h"

#include <doctest/doctest.h>
#include <net/if.h>

#include <string>

#include "tests/unit/flanneld/kernel/bench.h"

using flanneld::Meaning;
using namespace flanneld_test;
using netlink::Route;

namespace {

constexpr int kPodLink = 99;

struct Judged : Bench {
  Judged() { host.links[kExternal] = {"eth0", 1500, true, true}; }
  template <class Object>
  Meaning added(const Object& object) {
    return flanneld::judge({false, 0, object}, state, plan, links, host);
  }
  template <class Object>
  Meaning removed(const Object& object) {
    return flanneld::judge({true, 0, object}, state, plan, links, host);
  }
  flanneld::HostLinks host;
  flanneld::DesiredState state = desired();
};

netlink::Address address(const std::string& text, int ifindex) {
  netlink::Address address{net(text)};
  address.ifindex = ifindex;
  return address;
}

netlink::Link link(const std::string& name, int ifindex) {
  netlink::Link link;
  link.name = name;
  link.ifindex = ifindex;
  link.mac = mac(1);
  link.mtu = 1450;
  link.flags = IFF_UP;
  return link;
}

}  // namespace

TEST_CASE("notification: a desired route that is removed or replaced is drift, its own echo is not") {
  Judged judged;
  Route kept = judged.actual.routes[0];
  CHECK(judged.added(kept) == Meaning::none);
  CHECK(judged.removed(kept) == Meaning::drift);
  kept.gw = ip("192.0.2.1");
  CHECK(judged.added(kept) == Meaning::drift);
  kept.priority = 100;
  CHECK(judged.added(kept) == Meaning::none);
  CHECK(judged.removed(route("10.5.9.0/24", "10.5.9.0", kVxlan, flanneld::kRouteProtocol)) == Meaning::none);
}

TEST_CASE("notification: default routes and connected networks are the host's") {
  Judged judged;
  CHECK(judged.added(route("0.0.0.0/0", "192.0.2.1", kExternal, 4)) == Meaning::host);
  Route connected = route("10.5.7.0/24", "192.0.2.1", kExternal, 2);
  connected.gw.reset();
  CHECK(judged.added(connected) == Meaning::host);
  CHECK(judged.removed(connected) == Meaning::host);
  connected.ifindex = kPodLink;
  connected.dst = net("172.16.0.0/16");
  CHECK(judged.added(connected) == Meaning::none);
}

TEST_CASE("notification: a link that goes takes networks within the pod network along, untold") {
  Judged judged;
  judged.plan.foreign_links = {"tun9"};
  netlink::Link vpn = link("tun9", kPodLink);
  CHECK(judged.added(vpn) == Meaning::none);
  CHECK(judged.removed(vpn) == Meaning::host);
  vpn.flags = 0;
  CHECK(judged.added(vpn) == Meaning::host);
  CHECK(judged.removed(link("tun8", kPodLink)) == Meaning::none);
}

TEST_CASE(
    "notification: networks within the pod network are the host's, but for those of the node's own pods") {
  Judged judged;
  Route connected = route("10.5.7.0/24", "192.0.2.1", kPodLink, 2);
  connected.gw.reset();
  CHECK(judged.added(connected) == Meaning::host);
  connected.dst = net("10.5.1.7/32");
  CHECK(judged.added(connected) == Meaning::none);
  CHECK(judged.added(address("10.5.7.1/24", kPodLink)) == Meaning::host);
  CHECK(judged.removed(address("10.5.7.1/24", kPodLink)) == Meaning::host);
  CHECK(judged.added(address("192.0.2.77/24", kPodLink)) == Meaning::none);
  judged.host.addresses.insert({kExternal, net("192.0.2.1/24")});
  CHECK(judged.added(address("192.0.2.77/24", kPodLink)) == Meaning::host);  // it may answer for the other
  CHECK(judged.added(route("10.5.7.0/24", "192.0.2.1", kPodLink, 186)) == Meaning::host);  // of a BGP daemon
  CHECK(judged.added(route("10.5.7.0/24", "192.0.2.1", kPodLink, netlink::kProtocolBoot)) == Meaning::none);
}

TEST_CASE("notification: an FDB row counts if it is desired and on the device") {
  Judged judged;
  netlink::FdbEntry row = judged.actual.fdb[0];
  CHECK(judged.added(row) == Meaning::none);
  CHECK(judged.removed(row) == Meaning::drift);
  row.dst = ip("192.0.2.77");
  CHECK(judged.added(row) == Meaning::drift);
  CHECK(judged.removed(row) == Meaning::none);
  row.ifindex = kPodLink;
  CHECK(judged.added(row) == Meaning::none);
}

TEST_CASE("notification: a neighbour that is removed or no longer permanent is drift") {
  Judged judged;
  netlink::Neighbour neighbour = judged.actual.neighbours[0];
  CHECK(judged.added(neighbour) == Meaning::none);
  CHECK(judged.removed(neighbour) == Meaning::drift);
  neighbour.permanent = false;
  CHECK(judged.added(neighbour) == Meaning::drift);
}

TEST_CASE("notification: the device's address is ours, those of the external interface the host's") {
  Judged judged;
  CHECK(judged.added(address("10.5.1.0/32", kVxlan)) == Meaning::none);
  CHECK(judged.removed(address("10.5.1.0/32", kVxlan)) == Meaning::drift);
  CHECK(judged.added(address("192.0.2.1/24", kExternal)) == Meaning::host);
  CHECK(judged.added(address("192.0.2.1/24", kExternal)) == Meaning::none);  // its lifetime is renewed
  CHECK(judged.removed(address("192.0.2.1/24", kExternal)) == Meaning::both);
  CHECK(judged.removed(address("10.5.1.7/24", kPodLink)) == Meaning::none);
}

TEST_CASE("notification: the gateway's address tells of the pods' bridge, but not at the link of one pod") {
  Judged judged;
  const auto permanent = [](const char* net) {
    netlink::Address one = address(net, kPodLink);
    one.permanent = true;
    return one;
  };
  CHECK(judged.added(permanent("10.5.1.1/24")) == Meaning::host);
  CHECK(judged.added(permanent("10.5.1.1/32")) == Meaning::none);
}

TEST_CASE("notification: a device that is removed or changed is drift") {
  Judged judged;
  netlink::Link device = link("flannel.1", kVxlan);
  CHECK(judged.added(device) == Meaning::none);
  CHECK(judged.removed(device) == Meaning::drift);
  device.mtu = 1400;
  CHECK(judged.added(device) == Meaning::drift);
}

TEST_CASE("notification: a link of the host counts once for each change") {
  Judged judged;
  const netlink::Link changed = link("eth0", kExternal);
  CHECK(judged.added(changed) == Meaning::both);
  CHECK(judged.added(changed) == Meaning::none);
  CHECK(judged.removed(changed) == Meaning::both);
  CHECK(judged.added(link("eth0", 42)) == Meaning::both);  // has come back with another index
}

TEST_CASE("notification: pods' links mean nothing, but a removed vxlan device may have made room") {
  Judged judged;
  netlink::Link other = link("veth12345678", kPodLink);
  CHECK(judged.added(other) == Meaning::none);
  CHECK(judged.removed(other) == Meaning::none);
  other.kind = "vxlan";
  CHECK(judged.added(other) == Meaning::none);
  CHECK(judged.removed(other) == Meaning::drift);
}
