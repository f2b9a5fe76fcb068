#include "flanneld/commands/doctor_servers.h"

#include <fmt/format.h>

#include <chrono>
#include <string>

#include "common/base/error.h"
#include "common/base/file.h"
#include "flanneld/io/http_get.h"
#include "flanneld/io/url.h"
#include "flanneld/store/kube/access.h"

namespace flanneld {
namespace {

using State = Finding::State;

constexpr std::chrono::seconds kConnectLimit(2);
constexpr size_t kMaxAccessFile = 1 << 20;

std::vector<Finding> check_etcd(const Options& options) {
  std::vector<Finding> findings;
  std::vector<std::string> failures;
  for (const std::string& given : options.etcd_endpoints) {
    const std::string url = without_userinfo(given);
    if (const auto failure = connect_failure(url, kConnectLimit))
      failures.push_back(fmt::format("{}: {}", url, *failure));
    else
      findings.push_back({State::ok, "etcd", fmt::format("{} accepts connections", url)});
  }
  const bool is_any_reachable = !findings.empty();  // one is enough
  for (const std::string& failure : failures)
    findings.push_back({is_any_reachable ? State::warn : State::fail, "etcd", failure,
                        "is it up, and does --etcd-endpoints name it?"});
  return findings;
}

Finding check_kubernetes(const Options& options) {
  std::string server;
  try {
    const KubeAccess access =
        kube_access(options, [](const std::string& path) { return base::read_file(path, kMaxAccessFile); });
    server = without_userinfo(access.server);
    if (!access.http.proxy.empty())
      return {State::ok, "Kubernetes",
              fmt::format("{} is reached through the proxy {}", server, without_userinfo(access.http.proxy))};
  } catch (const base::ParseError& error) {
    return {State::warn, "Kubernetes", error.what(), "in a pod, doctor must run there as well"};
  }
  if (const auto failure = connect_failure(server, kConnectLimit))
    return {State::fail, "Kubernetes", fmt::format("{}: {}", server, *failure), "is the API server up?"};
  return {State::ok, "Kubernetes", fmt::format("{} accepts connections", server)};
}

}  // namespace

std::vector<Finding> check_servers(const Options& options) {
  if (options.kube_subnet_mgr) return {check_kubernetes(options)};
  return options.lease_dir.empty() ? check_etcd(options) : std::vector<Finding>{};
}

}  // namespace flanneld
