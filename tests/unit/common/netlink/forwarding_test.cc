#include "common/netlink/forwarding.h"

#include "common/netlink/sysctl.h"
#include "common/netlink/veth.h"
#include "tests/support/scoped_netns.h"

TEST_CASE_FIXTURE(
    ScopedNetns, "forwarding: switched on for each family, and links that learned nothing stay as they are") {
  if (!made()) return;
  auto socket = netlink::NetlinkSocket::open();
  REQUIRE(netlink::create_veth(
      socket, {.local = {"eth0", {{2, 0, 0, 0, 0, 1}}}, .peer = {"eth1", {{2, 0, 0, 0, 0, 2}}}}));
  for (const base::Family family : base::kFamilies) {
    CHECK(netlink::read_sysctl(netlink::forwarding_setting(family)) == "0");
    CHECK(netlink::ensure_forwarding(socket, family));
    CHECK(netlink::read_sysctl(netlink::forwarding_setting(family)) == "1");
  }
  CHECK(netlink::read_sysctl("net/ipv6/conf/eth0/accept_ra") == "1");
}
