#include "flanneld/agent/wireguard_setup.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "common/base/log.h"
#include "flanneld/kernel/wireguard_access.h"
#include "flanneld/node/wireguard_key.h"

namespace flanneld {
namespace {

constexpr std::chrono::seconds kStartLimit(10);

}  // namespace

WireguardSetup::WireguardSetup(EventLoop& loop, const Options& options, std::function<void()> changed)
    : loop_(loop), options_(options), changed_(std::move(changed)) {}

const netlink::WireguardKey& WireguardSetup::key() {
  if (!key_) key_ = ensure_wireguard_key({.chosen = options_.wireguard_key_file});
  return *key_;
}

void WireguardSetup::start_program(const std::string& link) {
  if (starting_) return;
  base::ProcessSpec spec;
  spec.program = find_wireguard_program();
  spec.arguments = {link};
  spec.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LOG_LEVEL=silent"};
  spec.timeout = kStartLimit;
  if (spec.program.empty()) {
    problem_ = fmt::format("the kernel has no WireGuard, and there is no program {} to serve '{}'",
                           kWireguardProgram, link);
    return;
  }
  base::log_info(fmt::format("the kernel has no WireGuard: starting {} for '{}'", spec.program, link));
  starting_ =
      std::make_unique<Child>(loop_, std::move(spec), [this](const ChildResult& result) { finish(result); });
}

void WireguardSetup::finish(const ChildResult& result) {
  problem_.reset();
  if (!result.succeeded()) {
    problem_ = fmt::format("start {}: {}", kWireguardProgram, result.reason());
    base::log_error(*problem_);
  }
  starting_.reset();
  changed_();
}

}  // namespace flanneld
