#include "flanneld/agent/status_pages.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "flanneld/agent/call_metrics.h"
#include "flanneld/agent/metrics.h"
#include "flanneld/agent/node_metrics.h"
#include "flanneld/agent/page_view.h"
#include "flanneld/lease/clock.h"
#include "flanneld/probe/sockets.h"

namespace flanneld {
namespace {

// An agent that ends gives its name back a moment before its address.
constexpr std::chrono::milliseconds kListenAgain{100};
constexpr int kListenTries = 50;
constexpr const char* kText = "text/plain; charset=utf-8";

HttpAnswer json_answer(const json::OrderedValue& json) {
  return {200, "application/json",
          fmt::format("{}\n", json.dump(2, ' ', true, json::OrderedValue::error_handler_t::replace))};
}

std::optional<flannel::PodAddresses> count_pod_addresses(const AgentStatus& status) {
  std::vector<base::IpNet> subnets;
  for (const base::Family family : base::kFamilies)
    if (status.own && status.own->key.of(family)) subnets.push_back(*status.own->key.of(family));
  return flannel::count_pod_addresses(subnets);
}

}  // namespace

void StatusPages::listen(EventLoop& loop, const Options& options) {
  loop_ = &loop;
  if (options.healthz) serve(*options.healthz, [this](const std::string& path) { return probe(path); });
  if (!options.status_listen || options.status_listen == options.healthz) return;
  address_ = options.status_listen;
  listen_for_people();
  if (problem_) base::log_warning(*problem_);
}

void StatusPages::serve(const ListenAddress& address, StatusServer::Handler handler) {
  servers_.push_back(std::make_unique<StatusServer>(*loop_, address, std::move(handler)));
}

void StatusPages::listen_for_people() {
  problem_.reset();
  try {
    serve(*address_, [this](const std::string& path) { return page(path); });
  } catch (const base::SystemError& error) {
    if (error.error_number() != EADDRINUSE) throw;
    problem_ = fmt::format(
        "nobody sees the status of this agent: {}, by another agent or program; give this one a "
        "--status-listen of its own",
        error.what());
    if (again_ && tries_left_-- > 0) again_->start(kListenAgain);
  }
}

void StatusPages::listen_again() {
  if (!problem_) return;
  tries_left_ = kListenTries;
  again_.emplace(*loop_, [this] { listen_for_people(); });
  listen_for_people();
}

HttpAnswer StatusPages::probe(const std::string& path) const {
  if (path == "/healthz") return {200, kText, "flanneld is running"};
  if (path != "/readyz") return {404, kText, "not found\n"};
  const Health health = sources_.health();
  if (health.not_ready)
    return {503, kText, fmt::format("flanneld is not ready yet: {}\n", *health.not_ready)};
  std::vector<std::string> lines{"flanneld is ready"};
  for (const auto* problems : {&health.problems.own, &health.problems.elsewhere})
    for (const std::string& problem : *problems) lines.push_back(fmt::format("but {}", problem));
  return {200, kText, fmt::format("{}", fmt::join(lines, "\n"))};
}

HttpAnswer StatusPages::page_for_people() const {
  std::array<char, HOST_NAME_MAX + 1> host{};
  ::gethostname(host.data(), host.size() - 1);
  const std::string nonce = fmt::format("{:016x}{:016x}", make_cookie(), make_cookie());
  const page::View view = make_page_view(sources_.status(), sources_.events(), host.data(), system_now());
  return {200, "text/html; charset=utf-8", page::document(view, nonce), page::content_policy(nonce)};
}

HttpAnswer StatusPages::page(const std::string& path) const {
  if (path == "/status") return json_answer(status_json(sources_.status(), system_now()));
  if (path == "/leases") return json_answer(leases_json(sources_.status(), system_now()));
  if (path == "/peers") return json_answer(peers_json(sources_.status(), system_now()));
  if (path == "/routes") return json_answer(routes_json(sources_.status()));
  if (path == "/metrics") {
    const AgentStatus status = sources_.status();
    return {
        200, "text/plain; version=0.0.4; charset=utf-8",
        fmt::format("{}{}{}", metrics_text(status, count_pod_addresses(status), system_now()), node_metrics(),
                    call_metrics(flannel::read_call_counts(flannel::CountedCall::add),
                                 flannel::read_call_counts(flannel::CountedCall::del)))};
  }
  if (path == "/events") return json_answer(events_json(sources_.events()));
  if (path == "/") return page_for_people();
  return probe(path);
}

}  // namespace flanneld
