#include "common/netlink/monitor.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <variant>

#include "common/netlink/bridge.h"
#include "common/netlink/veth.h"
#include "tests/support/scoped_netns.h"

using namespace netlink;

namespace {

/// How many changes of neighbours the monitor shows per link, and of links altogether.
struct Shown {
  explicit Shown(Monitor& monitor) {
    is_complete = monitor.drain([&](const Change& change) {
      if (const auto* neighbour = std::get_if<Neighbour>(&change.object)) ++neighbours[neighbour->ifindex];
      if (const auto* entry = std::get_if<FdbEntry>(&change.object)) ++neighbours[entry->ifindex];
      if (std::holds_alternative<Link>(change.object)) ++links;
    });
  }
  std::map<int, int> neighbours;
  int links = 0;
  bool is_complete = false;
};

int make_pair(NetlinkSocket& socket, const std::string& name) {
  VethPair pair;
  pair.local = {name, {{2, 0, 0, 0, 1, static_cast<uint8_t>(name.back())}}};
  pair.peer = {name + "-peer", {{2, 0, 0, 0, 2, static_cast<uint8_t>(name.back())}}};
  REQUIRE(create_veth(socket, pair));
  set_up(socket, *find_link(socket, name));
  return find_link(socket, name)->ifindex;
}

void put_neighbours(NetlinkSocket& socket, int ifindex, uint32_t first, uint32_t count) {
  for (uint32_t i = first; i < first + count; ++i)
    socket.request(put_neighbour_request({.ifindex = ifindex,
                                          .address = base::IpAddress::v4(0x0a630000 + i),
                                          .mac = {{2, 0, 0, 0, 3, static_cast<uint8_t>(i)}}}),
                   "put a neighbour");
}

}  // namespace

TEST_CASE_FIXTURE(ScopedNetns,
                  "monitor: shows neighbours of the links that are watched alone, and all links") {
  if (!made()) return;
  auto socket = NetlinkSocket::open();
  auto monitor = Monitor::open();
  const int ours = make_pair(socket, "ours1"), other = make_pair(socket, "other2");
  CHECK(Shown(monitor).links > 0);
  put_neighbours(socket, ours, 1, 2);
  CHECK(Shown(monitor).neighbours.empty());
  monitor.watch_neighbours_of({ours});
  put_neighbours(socket, ours, 11, 3);
  put_neighbours(socket, other, 1, 200);
  CHECK(Shown(monitor).neighbours == std::map<int, int>{{ours, 3}});
  monitor.watch_neighbours_of({other, ours});
  put_neighbours(socket, ours, 21, 1);
  put_neighbours(socket, other, 211, 1);
  remove_link(socket, "other2");
  const Shown both(monitor);
  CHECK(both.neighbours.at(ours) == 1);
  CHECK(both.neighbours.at(other) == 202);  // one, and the removal of all
  CHECK(both.links > 0);
}
