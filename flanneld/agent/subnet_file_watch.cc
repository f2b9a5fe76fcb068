#include "flanneld/agent/subnet_file_watch.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "flanneld/node/subnet_file.h"

namespace flanneld {
namespace {

constexpr std::chrono::milliseconds kRetry{5000};

}  // namespace

SubnetFileWatch::SubnetFileWatch(EventLoop& loop, std::string path, Heal heal, std::function<void()> changed)
    : loop_(loop), path_(std::move(path)), heal_(heal), changed_(std::move(changed)), retry_(loop, [this] {
        look();
      }) {}

SubnetFileWatch::~SubnetFileWatch() { unwatch(); }

bool SubnetFileWatch::write(const flannel::SubnetEnv& env) {
  const bool written = write_subnet_file(path_, env);
  env_ = env;
  problem_.reset();
  if (!inotify_.valid()) watch();
  return written;
}

void SubnetFileWatch::watch() {
  constexpr uint32_t kMask = IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
  const std::filesystem::path parent = std::filesystem::path(path_).parent_path();
  const std::string directory = parent.empty() ? "." : parent.string();
  base::UniqueFd inotify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify.valid() || ::inotify_add_watch(inotify.get(), directory.c_str(), kMask) < 0) {
    const base::SystemError error(errno, fmt::format("watch {}", directory));
    return base::log_warning(
        fmt::format("{}: if somebody removes {}, restart flanneld", error.what(), path_));
  }
  loop_.watch(inotify.get(), EPOLLIN, [this](uint32_t) { read_events(); });
  inotify_ = std::move(inotify);
}

void SubnetFileWatch::unwatch() {
  if (!inotify_.valid()) return;
  loop_.unwatch(inotify_.get());
  inotify_.reset();
}

/// What has happened is seen by looking, but for the end of the directory, with which the watch has ended.
void SubnetFileWatch::read_events() {
  bool is_over = false;
  alignas(inotify_event) std::array<char, 4096> buffer;
  ssize_t size = 0;
  while ((size = ::read(inotify_.get(), buffer.data(), buffer.size())) > 0)
    for (const char* at = buffer.data(); at < buffer.data() + size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      is_over = is_over || (event->mask & (IN_IGNORED | IN_MOVE_SELF)) != 0;
      at += sizeof(inotify_event) + event->len;
    }
  if (is_over) unwatch();
  look();
}

void SubnetFileWatch::look() {
  if (::access(path_.c_str(), F_OK) == 0) {
    if (!inotify_.valid()) watch();
    return tell(std::nullopt);
  }
  if (heal_ == Heal::no)
    return tell(
        fmt::format("somebody has removed {}, and --heal is off: no pod can start; restart flanneld", path_));
  try {
    write(*env_);
    ++repairs_;
    base::log_warning(fmt::format("somebody has removed {}; written again", path_));
    changed_();
  } catch (const base::SystemError& error) {
    retry_.start(kRetry);
    tell(fmt::format("somebody has removed {}, and it cannot be written again: {}", path_, error.what()));
  }
}

void SubnetFileWatch::tell(std::optional<std::string> problem) {
  if (problem == problem_) return;
  if (problem) base::log_warning(*problem);
  problem_ = std::move(problem);
  changed_();
}

}  // namespace flanneld
