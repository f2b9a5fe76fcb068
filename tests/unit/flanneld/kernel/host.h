// A host of a test's own: a network namespace with the interface eth0, 192.0.2.10/24, and an event loop.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <vector>

#include "common/netlink/address.h"
#include "common/netlink/link.h"
#include "common/netlink/route.h"
#include "common/netlink/socket.h"
#include "common/netlink/veth.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/kernel/diff.h"
#include "tests/support/scoped_netns.h"
#include "tests/unit/flanneld/test_support.h"

namespace flanneld_test {

/// A test returns at once when made() is false: no namespace can be made here.
struct Host : ScopedNetns {
  Host() {
    if (!made()) return;
    auto socket = netlink::NetlinkSocket::open();
    netlink::VethPair pair;
    pair.local = {"eth0", {{2, 0, 0, 0, 0, 1}}};
    pair.peer = {"eth1", {{2, 0, 0, 0, 0, 2}}};
    REQUIRE(netlink::create_veth(socket, pair));
    for (const char* name : {"lo", "eth0", "eth1"})
      netlink::set_up(socket, *netlink::find_link(socket, name));
    netlink::add_address(socket, *netlink::find_link(socket, "eth0"), net("192.0.2.10/24"));
    ifindex = netlink::find_link(socket, "eth0")->ifindex;
  }

  void run_for(std::chrono::milliseconds time) {
    flanneld::Timer end(loop, [this] { loop.stop(); });
    end.start(time);
    loop.run();
  }
  /// Runs the loop until it is so, for half a minute at most.
  void run_until(const std::function<bool()>& is_so) {
    for (int i = 0; i < 3000 && !is_so(); ++i) run_for(std::chrono::milliseconds(10));
    CHECK(is_so());
  }

  /// The destinations of flannel's routes through eth0.
  [[nodiscard]] std::vector<base::IpNet> routes() const {
    auto socket = netlink::NetlinkSocket::open();
    std::vector<base::IpNet> found;
    for (const netlink::Route& route : netlink::routes_of(socket, ifindex, base::Family::v4))
      if (route.protocol == flanneld::kRouteProtocol) found.push_back(route.dst);
    return found;
  }

  flanneld::EventLoop loop;
  int ifindex = 0;
};

}  // namespace flanneld_test
