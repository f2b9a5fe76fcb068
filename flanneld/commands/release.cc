#include "flanneld/commands/release.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iterator>

#include "common/base/error.h"
#include "common/base/text.h"
#include "flanneld/commands/running_agent.h"
#include "flanneld/io/http_get.h"
#include "flanneld/node/subnet_file.h"
#include "flanneld/options/flags.h"
#include "flanneld/store/release.h"

namespace flanneld {
namespace {

constexpr std::chrono::seconds kOwnerLimit(2);

bool agent_runs(const Options& options) {
  return options.status_listen &&
         http_get(fmt::format("http://{}/healthz", *options.status_listen), kOwnerLimit).status != 0;
}

/// Whether the node itself has had the subnet last.
bool is_own(const Options& options, const base::IpNet& subnet) {
  try {
    const auto own = read_previous_lease(options.subnet_file);
    return own && own->of(subnet.address.family()) == subnet;
  } catch (const base::ParseError&) {
    return false;
  }
}

/// Then no flag of the agent's may lead to another one.
bool names_store(const Options& options) {
  constexpr const char* kNames[] = {"lease-dir", "etcd-endpoints", "etcd-discovery-srv", "kube-subnet-mgr"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [&](const char* name) { return options.flags.contains(name); });
}

int fail(const std::string& reason) {
  std::fputs(fmt::format("flanneld: {}\n", reason).c_str(), stderr);
  return 1;
}

}  // namespace

int run_release(const Options& given, const std::string& subnet) {
  const auto net = base::IpNet::parse(subnet);
  if (!net)
    throw UsageError(fmt::format("--lease: {} is not a subnet such as 10.5.7.0/24", base::quoted(subnet)));
  const Options options = names_store(given) ? given : with_flags_of(given, ask_agent(given));
  if (is_own(options, net->network()) && agent_runs(options))
    return fail(
        fmt::format("{} is this node's own lease, and its agent would claim it again: stop it first", *net));
  const Result<Lease> released = release_lease(options, net->network());
  if (!released) return fail(fmt::format("could not give back the lease {}: {}", *net, released.reason()));
  std::puts(fmt::format("gave back the lease {} of the node {}; if that node lives, it claims it again",
                        released->key.str(), node_address(released->attributes))
                .c_str());
  return 0;
}

}  // namespace flanneld
