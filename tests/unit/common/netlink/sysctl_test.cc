// Settings of a network namespace, as /proc/sys and the kernel's links tell them.
#include "common/netlink/sysctl.h"

#include "common/netlink/bridge.h"
#include "tests/support/scoped_netns.h"

using netlink::NetlinkSocket;

TEST_CASE_FIXTURE(ScopedNetns, "sysctl: a link's settings are those under /proc/sys") {
  if (!made()) return;
  auto socket = NetlinkSocket::open();
  const auto fresh = netlink::ensure_bridge(socket, {.name = "br0"}).link;
  REQUIRE(fresh.ipv6);
  CHECK(fresh.ipv6->accept_ra == 1);
  CHECK_FALSE(fresh.ipv6->forwarding);
  CHECK_FALSE(fresh.ipv6->disabled);
  CHECK_FALSE(fresh.forwards_ipv4);
  netlink::write_sysctl("net/ipv6/conf/br0/accept_ra", "2");
  netlink::write_sysctl("net/ipv6/conf/br0/forwarding", "1");
  netlink::write_sysctl("net/ipv6/conf/br0/disable_ipv6", "1");
  netlink::write_sysctl("net/ipv4/conf/br0/forwarding", "1");
  const auto changed = netlink::find_link(socket, "br0").value();
  CHECK(changed.ipv6->accept_ra == 2);
  CHECK(changed.ipv6->forwarding);
  CHECK(changed.ipv6->disabled);
  CHECK(changed.forwards_ipv4);
}

TEST_CASE_FIXTURE(ScopedNetns,
                  "sysctl: a link that refuses router advertisements does so at any forwarding") {
  if (!made()) return;
  auto socket = NetlinkSocket::open();
  for (const char* accept_ra : {"1", "2"}) {
    netlink::ensure_bridge(socket, {.name = "br0"});
    netlink::write_sysctl("net/ipv6/conf/br0/accept_ra", accept_ra);
    CHECK(netlink::refuse_router_advertisements(netlink::find_link(socket, "br0").value()));
    CHECK(netlink::read_sysctl("net/ipv6/conf/br0/accept_ra") == "0");
  }
}

TEST_CASE("sysctl: a host that forwards takes router advertisements only where accept_ra is 2") {
  using netlink::Ipv6Conf;
  CHECK(Ipv6Conf{.accept_ra = 1}.accepts_ra());
  CHECK(Ipv6Conf{.accept_ra = 2, .forwarding = true}.accepts_ra());
  CHECK_FALSE(Ipv6Conf{.accept_ra = 1, .forwarding = true}.accepts_ra());
  CHECK_FALSE(Ipv6Conf{.accept_ra = 0}.accepts_ra());
  CHECK_FALSE(Ipv6Conf{.accept_ra = 2, .disabled = true}.accepts_ra());
}
