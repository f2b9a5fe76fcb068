// What the agent shows of itself: to probes, to people, to the service manager.
#include <fmt/format.h>

#include "common/base/log.h"
#include "common/base/time_text.h"
#include "flanneld/agent/agent.h"
#include "flanneld/io/sd_notify.h"
#include "flanneld/lease/clock.h"

namespace flanneld {
namespace {

constexpr size_t kNamedRejects = 20;  // leases that cannot be used and are told of one by one

HttpAnswer json_answer(const json::OrderedValue& json) {
  return {200, "application/json",
          json.dump(2, ' ', false, json::OrderedValue::error_handler_t::replace) + "\n"};
}

}  // namespace

void Agent::listen() {
  if (options_.healthz)
    servers_.push_back(std::make_unique<StatusServer>(
        loop_, *options_.healthz, [this](const std::string& path) { return answer_probe(path); }));
  if (options_.status_listen && options_.status_listen != options_.healthz)
    servers_.push_back(std::make_unique<StatusServer>(
        loop_, *options_.status_listen, [this](const std::string& path) { return answer(path); }));
}

HttpAnswer Agent::answer_probe(const std::string& path) const {
  if (path == "/healthz") return {200, "text/plain; charset=utf-8", "flanneld is running"};
  if (path != "/readyz") return {404, "text/plain; charset=utf-8", "not found\n"};
  if (const auto reason = not_ready())
    return {503, "text/plain; charset=utf-8", "flanneld is not ready yet: " + *reason + "\n"};
  std::string text = "flanneld is ready";
  for (const std::string& problem : problems()) text += "\nbut " + problem;
  return {200, "text/plain; charset=utf-8", text};
}

HttpAnswer Agent::answer(const std::string& path) const {
  if (path == "/status") return json_answer(status_json(status(), system_now()));
  if (path == "/leases") return json_answer(leases_json(status(), system_now()));
  if (path == "/routes") return json_answer(routes_json(status()));
  if (path == "/metrics")
    return {200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(status(), system_now())};
  if (path == "/")
    return {200, "text/plain; charset=utf-8", "/status\n/leases\n/routes\n/metrics\n/healthz\n/readyz\n"};
  return answer_probe(path);
}

AgentStatus Agent::status() const {
  AgentStatus status;
  status.store = store_->describe();
  status.store_problem = store_problem_;
  status.not_ready = not_ready();
  status.problems = problems();
  status.backend = config_ ? config_->backend_type : "";
  status.external = external_;
  status.own = own_;
  status.mtu = backend_ ? backend_->mtu() : 0;
  status.peers = peers_.leases();
  status.plans = peers_.plans();
  status.rejected = peers_.rejected();
  status.kernel = reconciler_.status();
  if (rules_) status.rules = rules_->status();
  status.counters = counters_;
  return status;
}

std::string Agent::describe_expiry(const Lease& own) const {
  if (!own.expiry) return ", a reservation that does not expire";
  const auto margin = std::chrono::minutes(options_.subnet_lease_renew_margin);
  return ", expires " + base::time_text(*own.expiry) + ", next renewal " +
         base::time_text(*own.expiry - margin);
}

std::optional<std::string> Agent::not_ready() const {
  if (!attached_) return "waiting for " + waiting_for_;
  const auto& failures = reconciler_.status().failures;
  if (!failures.empty())
    return fmt::format("{} of the kernel's objects could not be made, the first: {}", failures.count(),
                       failures.first());
  if (const auto& drift = reconciler_.status().drift; !drift.empty())
    return fmt::format("{} of the kernel's objects are not as wanted, and --heal is off; the first: {}",
                       drift.count(), drift.first());
  if (rules_ && rules_->status().failure) return *rules_->status().failure;
  return std::nullopt;
}

std::vector<std::string> Agent::problems() const {
  std::vector<std::string> all;
  if (store_problem_)
    all.push_back(*store_problem_ + (runs_from_saved_ ? "; working with the leases saved on disk" : ""));
  if (attached_ && !waiting_for_.empty()) all.push_back("it waits for " + waiting_for_);
  for (const auto& problem : {config_problem_, interface_problem_, save_problem_})
    if (problem) all.push_back(*problem);
  size_t told = 0;
  for (const auto& [key, reason] : peers_.rejected()) {
    if (++told > kNamedRejects) {
      all.push_back(std::to_string(peers_.rejected().size() - kNamedRejects) + " more leases cannot be used");
      break;
    }
    all.push_back("the lease " + key.str() + " of a peer cannot be used: " + reason);
  }
  if (rules_ && rules_->status().blocked) all.push_back(*rules_->status().blocked);
  return all;
}

void Agent::wait_because(const std::string& reason) {
  waiting_for_ = reason;
  notify_service_manager("STATUS=waiting for " + reason);
}

void Agent::status_changed() {
  if (!attached_ || told_ready_ || not_ready()) return;
  told_ready_ = true;
  base::log_info("ready: " + std::to_string(peers_.plans().size()) + " peer" +
                 (peers_.plans().size() == 1 ? " is" : "s are") + " reached");
  notify_service_manager("READY=1\nSTATUS=subnet " + own_->key.str());
  confine_timer_.start(std::chrono::milliseconds(0));
}

}  // namespace flanneld
