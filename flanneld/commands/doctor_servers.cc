#include "flanneld/commands/doctor_servers.h"

#include <fmt/format.h>

#include <chrono>
#include <string>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/text.h"
#include "flanneld/commands/doctor_clock.h"
#include "flanneld/commands/running_agent.h"
#include "flanneld/io/http_get.h"
#include "flanneld/io/url.h"
#include "flanneld/lease/clock.h"
#include "flanneld/store/kube/access.h"

namespace flanneld {
namespace {

using State = Finding::State;

constexpr std::chrono::seconds kConnectLimit(2), kAnswerLimit(2);
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

std::optional<std::string> read_access_file(const std::string& path) {
  return base::read_file(path, kMaxAccessFile);
}

Finding check_api_server(const std::string& server, const KubeAccess& access) {
  if (!access.http.proxy.empty())
    return {State::ok, "Kubernetes",
            fmt::format("{} is reached through the proxy {}", server, without_userinfo(access.http.proxy))};
  if (const auto failure = connect_failure(server, kConnectLimit))
    return {State::fail, "Kubernetes", fmt::format("{}: {}", server, *failure), "is the API server up?"};
  return {State::ok, "Kubernetes", fmt::format("{} accepts connections", server)};
}

std::vector<Finding> check_kubernetes(const Options& options) {
  std::vector<Finding> findings;
  try {
    const KubeAccess access = kube_access(options, &read_access_file);
    const std::string server = without_userinfo(access.server);
    findings.push_back(check_api_server(server, access));
    const auto token = access.token_file.empty() ? std::nullopt : read_access_file(access.token_file);
    if (auto finding = token ? check_token_time(*token, system_now()) : std::nullopt)
      findings.push_back(std::move(*finding));
    if (findings.front().state != State::ok || !access.http.proxy.empty()) return findings;
    if (const auto time = server_time(fmt::format("{}/version", server), kAnswerLimit))
      findings.push_back(check_clock(*time, system_now()));
  } catch (const base::ParseError& error) {
    findings.push_back({State::warn, "Kubernetes", error.what(), "in a pod, doctor must run there as well"});
  }
  return findings;
}

}  // namespace

std::vector<Finding> check_servers(const Options& options) {
  if (options.kube_subnet_mgr) return check_kubernetes(options);
  return options.lease_dir.empty() ? check_etcd(options) : std::vector<Finding>{};
}

std::vector<Finding> check_agent(const Options& options, const std::optional<json::Value>& agent) {
  constexpr const char* kName = "agent";
  if (!options.status_listen) return {};
  const ListenAddress& listen = *options.status_listen;
  if (const auto other = agent ? find_other_subnet_file(options, *agent) : std::nullopt)
    return {
        {.state = State::warn,
         .name = kName,
         .finding = fmt::format("at {} answers another network's, whose subnet file is {}", listen, *other),
         .advice = "name this one's address with --status-listen"}};
  const HttpResult reply = http_get(fmt::format("http://{}/readyz", listen), kAnswerLimit);
  if (reply.status == 0)
    return {{.state = State::fail,
             .name = kName,
             .finding = fmt::format("flanneld does not answer at {}", listen),
             .advice = "start it, or name its address with --status-listen"}};
  const auto lines = base::split(reply.body, '\n');
  if (reply.status != 200)
    return {{.state = State::fail,
             .name = kName,
             .finding = fmt::format("answers {}: {}", reply.status, lines.front()),
             .advice = "see `flanneld status`"}};
  constexpr std::string_view kBut = "but ";
  std::vector<Finding> findings;
  for (const std::string_view line : lines) {
    if (line.empty()) continue;
    const bool is_problem = line.starts_with(kBut);
    findings.push_back({.state = is_problem ? State::warn : State::ok,
                        .name = kName,
                        .finding = std::string(is_problem ? line.substr(kBut.size()) : line)});
  }
  return findings;
}

}  // namespace flanneld
