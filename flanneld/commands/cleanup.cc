#include "flanneld/commands/cleanup.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <string>

#include "common/base/error.h"
#include "common/netlink/link.h"
#include "common/netlink/route.h"
#include "flanneld/backend/registry.h"
#include "flanneld/commands/release.h"
#include "flanneld/io/http_get.h"
#include "flanneld/kernel/diff.h"
#include "flanneld/options/flags.h"
#include "flanneld/traffic/traffic_plan.h"
#include "flanneld/traffic/traffic_rules.h"

namespace flanneld {
namespace {

class Cleanup {
 public:
  explicit Cleanup(const Options& options) : options_(options) {}

  int run() {
    attempt("all routes", [&] { remove_routes(); });
    attempt("all devices", [&] { remove_devices(); });
    attempt("the bridge", [&] { remove_bridge(); });
    for (const Removal& one : remove_traffic_rules()) {
      if (one.failure)
        failed(one.what, *one.failure);
      else
        removed(one.what);
    }
    remove_file(options_.subnet_file);
    remove_file(options_.state_file);
    if (!options_.state_file.empty()) remove_file(fmt::format("{}.lock", options_.state_file));
    if (!found_something_) std::puts("nothing to remove");
    return has_failed_ ? 1 : 0;
  }

 private:
  void removed(const std::string& what) {
    found_something_ = true;
    std::puts(fmt::format("removed {}", what).c_str());
  }
  void failed(const std::string& what, const std::string& reason) {
    found_something_ = has_failed_ = true;
    std::fputs(fmt::format("flanneld: could not remove {}: {}\n", what, reason).c_str(), stderr);
  }

  template <class Step>
  void attempt(const char* what, Step&& step) {
    try {
      step();
    } catch (const base::SystemError& error) {
      failed(what, error.what());
    }
  }

  /// Those with flanneld's mark, on every link. Upstream marks none; they go with upstream's devices.
  void remove_routes() {
    for (const base::Family family : base::kFamilies) {
      auto routes = netlink::blackholes(route_, family);
      for (const netlink::Link& link : netlink::all_links(route_)) {
        const auto of_link = netlink::routes_of(route_, link.ifindex, family);
        routes.insert(routes.end(), of_link.begin(), of_link.end());
      }
      for (const netlink::Route& route : routes) {
        if (route.protocol != kRouteProtocol) continue;
        const std::string what = fmt::format("route to {}", route.dst);
        if (route_.request_unless(ESRCH, netlink::remove_route_request(route),
                                  fmt::format("remove {}", what)))
          removed(what);
      }
    }
  }

  void remove_devices() {
    for (const netlink::Link& link : netlink::all_links(route_))
      if (find_device_overhead(link.kind, link.name) && netlink::remove_link(route_, link.name))
        removed(fmt::format("device '{}'", link.name));
  }

  void remove_bridge() {
    const auto link = netlink::find_link(route_, kPodBridge);
    if (!link || link->kind != "bridge") return;
    if (const size_t ports = netlink::ports_of(route_, link->ifindex).size(); ports > 0) {
      std::puts(fmt::format("left bridge '{}': it has {} ports", kPodBridge, ports).c_str());
      return;
    }
    if (netlink::remove_link(route_, kPodBridge)) removed(fmt::format("bridge '{}'", kPodBridge));
  }

  void remove_file(const std::string& path) {
    if (path.empty()) return;
    const std::string what = fmt::format("file '{}'", path);
    if (::unlink(path.c_str()) == 0)
      removed(what);
    else if (errno != ENOENT && errno != ENOTDIR)
      failed(what, base::errno_text(errno));
  }

  const Options& options_;
  netlink::NetlinkSocket route_ = netlink::NetlinkSocket::open();
  bool found_something_ = false, has_failed_ = false;
};

constexpr std::chrono::seconds kAgentLimit(2);

/// The address at which an agent answers; nullptr if none does.
const ListenAddress* find_agent(const Options& options) {
  for (const auto* listen : {&options.status_listen, &options.healthz})
    if (*listen && http_get(fmt::format("http://{}/healthz", **listen), kAgentLimit).status != 0)
      return &**listen;
  return nullptr;
}

}  // namespace

int run_cleanup(const Options& options) {
  const auto& words = options.words;
  if (words.size() == 3 && words[1] == "--lease") return run_release(options, words[2]);
  const bool is_forced = words.size() == 2 && words[1] == "--force";
  if (words.size() != 1 && !is_forced)
    throw UsageError("usage: flanneld [flags] cleanup [--force | --lease SUBNET]");
  const ListenAddress* agent = is_forced ? nullptr : find_agent(options);
  if (agent) {
    std::fputs(
        fmt::format("flanneld: an agent answers at {} and would make everything again: stop it first, or "
                    "say cleanup --force\n",
                    *agent)
            .c_str(),
        stderr);
    return 1;
  }
  return Cleanup(options).run();
}

}  // namespace flanneld
