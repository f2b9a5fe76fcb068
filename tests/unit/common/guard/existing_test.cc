#include "common/guard/existing.h"

#include <doctest/doctest.h>

#include <optional>
#include <set>
#include <vector>

#include "common/netlink/bridge.h"
#include "common/netlink/neighbour.h"
#include "common/netlink/steps.h"
#include "common/netlink/veth.h"
#include "tests/support/addresses.h"
#include "tests/support/scoped_netns.h"

using netlink::Link;
using test::ip;

namespace {

netlink::Link port(bool learns, bool locked) {
  netlink::Link link;
  link.learns = learns;
  link.locked = locked;
  return link;
}

constexpr base::MacAddress kMac{{0x0a, 0x58, 10, 244, 1, 2}};

/// A bridge with one port.
struct Bridge : ScopedNetns {
  Bridge() {
    if (!made()) return;
    host = netlink::NetlinkSocket::open();
    bridge = netlink::ensure_bridge(*host, {.name = "cni0"}).link;
    netlink::create_veth(
        *host,
        {.local = {"veth1", base::MacAddress::random()}, .peer = {"eth0", kMac}, .master = bridge.ifindex});
  }
  Link port() { return netlink::find_link(*host, "veth1").value(); }
  std::vector<guard::LeftOpen> guard_all() {
    return guard::guard_existing(*host, nullptr,
                                 {.bridge = bridge, .gateway = bridge, .subnets = {{ip("10.244.1.0"), 24}}});
  }

  std::optional<netlink::NetlinkSocket> host;
  Link bridge;
};

}  // namespace

TEST_CASE("guard: a kernel that can do all lacks nothing, and each lack is told") {
  CHECK(guard::missing({port(false, true), port(true, false)}, true).empty());
  REQUIRE(guard::missing({port(false, false)}, true).size() == 1);
  CHECK(guard::missing({port(false, false)}, true)[0].find("5.18") != std::string::npos);
  REQUIRE(guard::missing({}, false).size() == 1);
  CHECK(guard::missing({}, false)[0].find("CONFIG_NF_TABLES_BRIDGE") != std::string::npos);
}

TEST_CASE_FIXTURE(Bridge, "guard: a port's options are read back, on a kernel that can lock") {
  if (!made()) return;
  CHECK(port().learns);
  CHECK_FALSE(port().locked);
  netlink::set_port_options(*host, "veth1",
                            {.macs = netlink::PortMacs::fixed, .refuses_bpdu = true, .alias = {}});
  CHECK_FALSE(port().learns);
  CHECK(port().refuses_bpdu);
  netlink::Steps steps;
  steps.add(netlink::port_macs_request(port().ifindex, netlink::PortMacs::any, false), "open the port");
  steps.run(*host, 0);
  CHECK(port().learns);
  CHECK_FALSE(port().locked);
  CHECK_FALSE(port().refuses_bpdu);
}

TEST_CASE_FIXTURE(Bridge, "guard: a fixed entry of a port is listed as such, and moves with its MAC") {
  if (!made()) return;
  netlink::create_veth(*host, {.local = {"veth2", base::MacAddress::random()},
                               .peer = {"eth1", base::MacAddress::random()},
                               .master = bridge.ifindex});
  const int second = netlink::find_link(*host, "veth2").value().ifindex;
  const auto fixed_at = [&] {
    std::set<int> ports;
    for (const netlink::PortEntry& entry : netlink::port_entries_of(*host, bridge.ifindex))
      if (entry.mac == kMac && entry.kind == netlink::PortEntry::Kind::fixed) ports.insert(entry.port);
    return ports;
  };
  for (const int wanted : {port().ifindex, second}) {
    netlink::Steps steps;
    steps.add(netlink::put_port_entry_request(wanted, kMac), "fix the MAC");
    steps.run(*host, 0);
    CHECK(fixed_at() == std::set<int>{wanted});
  }
}

TEST_CASE_FIXTURE(Bridge, "guard: a port whose other end is in no other namespace is no pod's") {
  if (!made()) return;
  CHECK(guard_all().empty());
  CHECK(port().learns);
}
