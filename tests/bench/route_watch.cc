// Tells when the kernel has the COUNT-th route to another node, by its notifications: polls nothing.
// Usage: bench_route_watch COUNT TIMEOUT_SECONDS; counts flanneld's own routes (kRouteProtocol).
// Prints "ready" and how many there are once it listens, then the time in milliseconds since the epoch, and
// how many routes there are. Exit status 1 when time is up first.
#include <poll.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <set>
#include <variant>

#include "common/netlink/link.h"
#include "common/netlink/monitor.h"
#include "common/netlink/route.h"
#include "flanneld/kernel/diff.h"

namespace {

constexpr const char* kDevice = "flannel.1";

double epoch_ms() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(since).count();
}

class Routes {
 public:
  /// What is there already, or has been there when notifications were lost.
  void look() {
    routes_.clear();
    auto socket = netlink::NetlinkSocket::open();
    const auto link = netlink::find_link(socket, kDevice);
    if (!link) return;
    for (const netlink::Route& route : netlink::routes_of(socket, link->ifindex, base::Family::v4))
      if (is_counted(route)) routes_.insert(route.dst);
  }

  void take(const netlink::Change& change) {
    const auto* route = std::get_if<netlink::Route>(&change.object);
    if (!route || !is_counted(*route)) return;
    if (change.removed)
      routes_.erase(route->dst);
    else
      routes_.insert(route->dst);
  }

  [[nodiscard]] size_t count() const { return routes_.size(); }

 private:
  static bool is_counted(const netlink::Route& route) {
    return route.protocol == flanneld::kRouteProtocol && route.type == netlink::Route::Type::unicast;
  }

  std::set<base::IpNet> routes_;
};

int run(size_t wanted, std::chrono::seconds timeout) {
  netlink::Monitor monitor = netlink::Monitor::open();
  Routes routes;
  routes.look();
  std::printf("ready %zu\n", routes.count());
  std::fflush(stdout);
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (routes.count() < wanted) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) break;
    pollfd descriptor{monitor.fd(), POLLIN, 0};
    ::poll(&descriptor, 1, static_cast<int>(left.count()));
    if (!monitor.drain([&](const netlink::Change& change) { routes.take(change); })) routes.look();
  }
  std::printf("%.1f %zu\n", epoch_ms(), routes.count());
  return routes.count() >= wanted ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s COUNT TIMEOUT_SECONDS\n", argv[0]);
    return 2;
  }
  try {
    return run(std::strtoul(argv[1], nullptr, 10), std::chrono::seconds(std::atoi(argv[2])));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
