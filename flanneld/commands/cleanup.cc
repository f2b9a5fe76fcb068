#include "flanneld/commands/cleanup.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/base/file_lock.h"
#include "common/base/text.h"
#include "common/guard/frame.h"
#include "common/netfilter/nft_transaction.h"
#include "common/netlink/link.h"
#include "common/netlink/route.h"
#include "flanneld/backend/device.h"
#include "flanneld/backend/registry.h"
#include "flanneld/commands/release.h"
#include "flanneld/commands/running_agent.h"
#include "flanneld/io/http_get.h"
#include "flanneld/kernel/diff.h"
#include "flanneld/node/subnet_file.h"
#include "flanneld/options/flags.h"
#include "flanneld/traffic/traffic_plan.h"
#include "flanneld/traffic/traffic_rules.h"

namespace flanneld {
namespace {

constexpr mode_t kLockMode = 0600;

/// A file that cannot be understood tells of none.
std::vector<base::IpNet> read_networks(const std::string& subnet_file) {
  try {
    return read_previous_networks(subnet_file);
  } catch (const base::ParseError&) {
    return {};
  }
}

class Cleanup {
 public:
  explicit Cleanup(const Options& options) : options_(options) {}

  int run() {
    attempt("what networks there are", [&] { networks_ = read_networks(options_.subnet_file); });
    attempt("all routes", [&] { remove_routes(); });
    attempt("all devices", [&] { remove_devices(); });
    attempt("the bridge", [&] { remove_bridge(); });
    for (const Removal& one : remove_traffic_rules(rule_owner(options_.subnet_file, networks_))) {
      if (one.failure)
        failed(one.what, *one.failure);
      else
        removed(one.what);
    }
    remove_file(options_.subnet_file);
    attempt("the saved leases", [&] { remove_state_file(); });
    if (!found_something_) std::puts("nothing to remove");
    return has_failed_ ? 1 : 0;
  }

 private:
  void removed(const std::string& what) {
    found_something_ = true;
    std::puts(fmt::format("removed {}", what).c_str());
  }
  static void left(const std::string& what, const std::string& reason) {
    std::puts(fmt::format("left {}: {}", what, reason).c_str());
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

  /// True for a device of another network's agent on this node.
  [[nodiscard]] bool is_of_another(const netlink::Link& link) const {
    return link.alias.starts_with(kOwnerMark) && link.alias.substr(kOwnerMark.size()) != options_.subnet_file;
  }

  /// Those with flanneld's mark, on every link, and within the network if it is known. Upstream marks none;
  /// they go with upstream's devices.
  void remove_routes() {
    for (const base::Family family : base::kFamilies) {
      auto routes = netlink::blackholes(route_, family);
      for (const netlink::Link& link : netlink::all_links(route_)) {
        if (is_of_another(link)) continue;
        const auto of_link = netlink::routes_of(route_, link.ifindex, family);
        routes.insert(routes.end(), of_link.begin(), of_link.end());
      }
      for (const netlink::Route& route : routes) {
        if (route.protocol != kRouteProtocol) continue;
        if (!networks_.empty() && !lies_within(route.dst, networks_)) continue;
        const std::string what = fmt::format("route to {}", route.dst);
        if (route_.request_unless(ESRCH, netlink::remove_route_request(route),
                                  fmt::format("remove {}", what)))
          removed(what);
      }
    }
  }

  void remove_devices() {
    for (const netlink::Link& link : netlink::all_links(route_)) {
      if (!find_device_overhead(link.kind, link.name)) continue;
      if (is_of_another(link))
        left(fmt::format("device '{}'", link.name), fmt::format("it is that of the agent '{}'", link.alias));
      else if (netlink::remove_link(route_, link.name))
        removed(fmt::format("device '{}'", link.name));
    }
  }

  void remove_bridge() {
    const auto link = netlink::find_link(route_, kPodBridge);
    if (!link || link->kind != "bridge") return;
    if (const size_t ports = netlink::ports_of(route_, link->ifindex).size(); ports > 0) {
      left(fmt::format("bridge '{}'", kPodBridge), fmt::format("it has {} ports", ports));
      return;
    }
    if (netlink::remove_link(route_, kPodBridge)) removed(fmt::format("bridge '{}'", kPodBridge));
    remove_pod_rules();
  }

  /// They go with the last port that they guard, of whatever bridge.
  void remove_pod_rules() {
    auto nft = netlink::NetlinkSocket::open(NETLINK_NETFILTER);
    const netfilter::NftTable table = guard::table();
    guard::collect(nft, route_);
    const auto elements = guard::elements(nft);
    if (!elements || !elements->guarded.empty() || !elements->sources.empty()) return;
    netfilter::NftTransaction transaction(table);
    transaction.delete_table();
    if (transaction.commit(nft, fmt::format("remove nftables table {}", base::quoted(table.str()))))
      removed(fmt::format("nftables table '{}'", table.str()));
  }

  void remove_state_file() {
    if (options_.state_file.empty()) return;
    const std::string lock = fmt::format("{}.lock", options_.state_file);
    if (::access(lock.c_str(), F_OK) == 0 && !base::FileLock::try_acquire(lock, kLockMode))
      return left(fmt::format("file '{}'", options_.state_file), "another agent uses it");
    remove_file(options_.state_file);
    remove_file(lock);
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
  std::vector<base::IpNet> networks_;  ///< of subnet.env; empty: unknown, then all networks are meant
  bool found_something_ = false, has_failed_ = false;
};

constexpr std::chrono::seconds kHealthLimit(2);

/// The address at which an agent answers; nullptr if none does, or another network's.
const ListenAddress* find_agent(const Options& options) {
  if (const auto status = ask_agent(options); status && find_other_subnet_file(options, *status))
    return nullptr;
  for (const auto* listen : {&options.status_listen, &options.healthz})
    if (*listen && http_get(fmt::format("http://{}/healthz", **listen), kHealthLimit).status != 0)
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
