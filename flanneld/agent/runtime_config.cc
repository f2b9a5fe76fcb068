#include "flanneld/agent/runtime_config.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "common/base/log.h"
#include "common/base/text.h"
#include "flanneld/node/install_file.h"

namespace flanneld {
namespace {

constexpr std::chrono::seconds kConfigurationLook{60}, kConfigurationRetry{5};

}  // namespace

RuntimeConfig::RuntimeConfig(EventLoop& loop, const Options& options, std::function<void()> changed)
    : options_(options), changed_(std::move(changed)), timer_(loop, [this] { put(); }) {}

void RuntimeConfig::start() {
  if (!options_.cni_conf.empty() && !timer_.armed()) put();
}

void RuntimeConfig::look_again() {
  if (timer_.armed()) put();
}

void RuntimeConfig::put() {
  std::optional<std::string> problem;
  bool is_there = false;
  try {
    const InstalledFile file = install_file(options_.cni_conf_source, options_.cni_conf);
    is_there = true;
    if (file.changed)
      base::log_info(fmt::format("put {} in place for the container runtime, a copy of {}",
                                 base::quoted(file.path), base::quoted(options_.cni_conf_source)));
    problem = find_rival_configuration(file.path);
  } catch (const std::exception& error) {
    problem = fmt::format("the container runtime's network configuration is not in place: {}", error.what());
  }
  timer_.start(is_there ? kConfigurationLook : kConfigurationRetry);
  if (std::exchange(problem_, problem) == problem) return;
  if (problem) base::log_warning(*problem);
  changed_();
}

}  // namespace flanneld
