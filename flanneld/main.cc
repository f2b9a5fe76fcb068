// flanneld: the node agent, and its commands for people.
#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <functional>
#include <optional>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/log_form.h"
#include "common/base/text.h"
#include "flanneld/agent/agent.h"
#include "flanneld/commands/cleanup.h"
#include "flanneld/commands/completion.h"
#include "flanneld/commands/doctor.h"
#include "flanneld/commands/install.h"
#include "flanneld/commands/status.h"
#include "flanneld/io/json_log.h"
#include "flanneld/io/sd_notify.h"
#include "flanneld/io/seccomp.h"
#include "flanneld/io/watchdog.h"
#include "flanneld/options/options.h"
#include "flanneld/store/factory.h"

namespace {

constexpr int kFailure = 1, kUsage = 2;
constexpr std::chrono::seconds kLogCounts(60);
constexpr size_t kMaxConfigBytes = 1 << 20;

flanneld::Environment read_environment() {
  flanneld::Environment environment;
  for (char** entry = environ; *entry; ++entry)
    if (const char* equals = std::strchr(*entry, '='))
      environment.emplace(std::string(static_cast<const char*>(*entry), equals), equals + 1);
  return environment;
}

/// SIGTERM, SIGINT and SIGHUP arrive as a readable descriptor; after a request to stop they have their
/// default action back.
base::UniqueFd block_signals(sigset_t& signals) {
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  ::sigaddset(&signals, SIGHUP);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  base::UniqueFd fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) base::throw_errno("wait for signals");
  return fd;
}

using ReadOptions = std::function<flanneld::Options()>;

/// SIGHUP. What takes a restart is told of, and a mistake in it too, before that restart finds it.
void reload(flanneld::Agent& agent, const flanneld::Options& options, const ReadOptions& read_options) {
  agent.reload();
  base::log_info("SIGHUP: credentials and the source of --cni-conf are read again");
  try {
    const flanneld::Options fresh = read_options();
    if (fresh.settings != options.settings || fresh.network_config != options.network_config)
      base::log_warning(fmt::format(
          "the flags or the network configuration in {} have changed, which takes a restart; pods do not "
          "notice it",
          base::quoted(options.config)));
  } catch (const std::exception& error) {
    base::log_warning(fmt::format("SIGHUP: a restart would fail: {}", error.what()));
  }
}

int run_agent(const flanneld::Options& options, const ReadOptions& read_options) {
  const auto format = options.flags.find("log-format");
  if (format != options.flags.end() && format->second.text() == "json")
    base::set_log_form(flanneld::json_log_line);
  base::log_info(fmt::format("flanneld " PROJECT_VERSION ", {}", options.describe()));
  for (const std::string& warning : options.warnings) base::log_warning(warning);
  if (options.verbosity > 0) base::set_log_level(base::LogLevel::debug);
  ::mallopt(M_MMAP_THRESHOLD, 1 << 20);  // fixed: what a large answer took goes back to the system after it
  ::umask(0022);                         // subnet.env is for everybody to read
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  const base::UniqueFd signal_fd = block_signals(signals);

  flanneld::EventLoop loop;
  std::optional<flanneld::Agent> agent;
  loop.watch(signal_fd.get(), EPOLLIN, [&](uint32_t) {
    signalfd_siginfo taken{};  // or it would be pending when it is no longer blocked, and kill
    if (::read(signal_fd.get(), &taken, sizeof taken) < 0) return;
    if (taken.ssi_signo == SIGHUP) return reload(*agent, options, read_options);
    base::log_info("asked to stop; the data path stays as it is");
    flanneld::notify_service_manager("STOPPING=1");
    ::sigprocmask(SIG_UNBLOCK, &signals, nullptr);
    loop.stop();
  });
  agent.emplace(loop, options, flanneld::make_lease_store(loop, options), flanneld::forbid_programs);
  flanneld::Watchdog watchdog(loop);
  flanneld::Timer log_timer(loop, [&] {
    base::log_due_counts();
    log_timer.start(kLogCounts);
  });
  log_timer.start(kLogCounts);
  agent->start();
  loop.run();
  agent->end();
  base::log_all_counts();
  loop.unwatch(signal_fd.get());
  return 0;
}

int run(const flanneld::Options& options, const ReadOptions& read_options) {
  if (options.words.empty()) return run_agent(options, read_options);
  const std::string& command = options.words.front();
  if (command == "status") return flanneld::run_status(options);
  if (command == "doctor") return flanneld::run_doctor(options);
  if (command == "cleanup") return flanneld::run_cleanup(options);
  if (command == "completion") return flanneld::run_completion(options);
  throw flanneld::UsageError(fmt::format("{} is none of the commands status, doctor, cleanup and completion",
                                         base::quoted(command)));
}

/// The exit status, unless somebody would take half an answer for a whole one.
int finish(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  base::log_error(fmt::format("write to standard output: {}", std::strerror(errno)));
  return kFailure;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc > 0 && flanneld::is_install_name(*argv))
      return flanneld::run_install(*argv, {argv + 1, argv + argc});
    const ReadOptions read_options = [&] {
      return flanneld::parse_options(
          {argv + 1, argv + argc}, read_environment(),
          [](const std::string& path) { return base::read_file(path, kMaxConfigBytes); });
    };
    const flanneld::Options options = read_options();
    if (options.help) return finish(std::fputs(flanneld::usage().c_str(), stdout) < 0 ? kFailure : 0);
    if (options.version) return finish(std::puts(PROJECT_VERSION) < 0 ? kFailure : 0);
    return finish(run(options, read_options));
  } catch (const flanneld::UsageError& error) {
    std::fprintf(stderr, "flanneld: %s\nflanneld --help lists all flags\n", error.what());
    return kUsage;
  } catch (const std::exception& error) {
    base::log_error(error.what());
    return kFailure;
  }
}
