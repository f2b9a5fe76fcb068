#include "flanneld/commands/cleanup.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string>

#include "common/base/error.h"
#include "common/netlink/link.h"
#include "common/netlink/route.h"
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
    attempt("routes", [&] { routes(); });
    attempt("devices", [&] { devices(); });
    attempt("bridge", [&] { bridge(); });
    for (const Removal& one : remove_traffic_rules()) {
      if (one.failure)
        failed(fmt::format("could not remove {}: {}", one.what, *one.failure));
      else
        done(fmt::format("removed {}", one.what));
    }
    remove_file(options_.subnet_file);
    remove_file(options_.state_file);
    if (!something_) std::puts("nothing to remove");
    return failed_ ? 1 : 0;
  }

 private:
  void done(const std::string& text) {
    something_ = true;
    std::puts(text.c_str());
  }
  void failed(const std::string& text) {
    something_ = failed_ = true;
    std::fprintf(stderr, "flanneld: %s\n", text.c_str());
  }

  template <class Step>
  void attempt(const char* what, Step&& step) {
    try {
      step();
    } catch (const base::SystemError& error) {
      failed(std::string("could not remove all ") + what + ": " + error.what());
    }
  }

  /// Those with flanneld's mark, on whatever link. Upstream marks none; on its devices they go with these.
  void routes() {
    for (const base::Family family : base::kFamilies) {
      auto routes = netlink::blackholes(route_, family);
      for (const netlink::Link& link : netlink::all_links(route_)) {
        const auto its_own = netlink::routes_of(route_, link.ifindex, family);
        routes.insert(routes.end(), its_own.begin(), its_own.end());
      }
      for (const netlink::Route& route : routes) {
        if (route.protocol != kRouteProtocol) continue;
        const std::string what = "route to " + route.dst.str();
        if (route_.request_unless(ESRCH, netlink::remove_route(route), "remove " + what))
          done("removed " + what);
      }
    }
  }

  void devices() {
    for (const netlink::Link& link : netlink::all_links(route_))
      if (link.kind == "vxlan" && is_device_name(link.name) && netlink::remove_link(route_, link.name))
        done("removed device '" + link.name + "'");
  }

  void bridge() {
    const auto link = netlink::find_link(route_, kPodBridge);
    if (!link || link->kind != "bridge") return;
    if (const size_t ports = netlink::ports_of(route_, link->ifindex).size(); ports > 0) {
      std::printf("left bridge '%s': it has %zu ports\n", kPodBridge, ports);
      return;
    }
    if (netlink::remove_link(route_, kPodBridge)) done(std::string("removed bridge '") + kPodBridge + "'");
  }

  void remove_file(const std::string& path) {
    if (path.empty()) return;
    if (::unlink(path.c_str()) == 0)
      done("removed file '" + path + "'");
    else if (errno != ENOENT && errno != ENOTDIR)
      failed("could not remove file '" + path + "': " + base::errno_text(errno));
  }

  const Options& options_;
  netlink::NetlinkSocket route_ = netlink::NetlinkSocket::open();
  bool something_ = false, failed_ = false;
};

/// Where an agent answers; nullptr if it does not.
const ListenAddress* find_agent(const Options& options) {
  for (const auto* listen : {&options.status_listen, &options.healthz})
    if (*listen && http_get({(*listen)->ip.str(), (*listen)->port}, "/healthz")) return &**listen;
  return nullptr;
}

}  // namespace

bool is_device_name(std::string_view name) {
  for (const std::string_view prefix : {"flannel.", "flannel-v6."}) {
    if (!name.starts_with(prefix)) continue;
    const std::string_view number = name.substr(prefix.size());
    return !number.empty() && std::all_of(number.begin(), number.end(),
                                          [](unsigned char one) { return one >= '0' && one <= '9'; });
  }
  return false;
}

int run_cleanup(const Options& options) {
  const auto& words = options.words;
  const bool is_forced = words.size() == 2 && words[1] == "--force";
  if (words.size() != 1 && !is_forced) throw UsageError("usage: flanneld [flags] cleanup [--force]");
  const ListenAddress* agent = is_forced ? nullptr : find_agent(options);
  if (agent) {
    std::fprintf(stderr,
                 "flanneld: an agent answers at %s and would make all anew: stop it first, or say "
                 "cleanup --force\n",
                 agent->str().c_str());
    return 1;
  }
  return Cleanup(options).run();
}

}  // namespace flanneld
