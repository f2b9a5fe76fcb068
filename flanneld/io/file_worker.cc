#include "flanneld/io/file_worker.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/unique_fd.h"

namespace flanneld {
namespace {

constexpr std::chrono::milliseconds kLastChance{1000};

}  // namespace

/// What the loop and the thread have in common; it lives as long as either needs it.
struct FileWorker::Shared {
  base::UniqueFd ready;  ///< readable when the work has ended
  std::mutex mutex;
  std::exception_ptr failure;
};

FileWorker::FileWorker(EventLoop& loop, std::function<void()> changed, std::chrono::milliseconds limit)
    : loop_(loop), changed_(std::move(changed)), limit_(limit), deadline_(loop, [this] {
        hangs_ = true;
        base::log_error(fmt::format("{}; the agent goes on without it", *problem()));
        changed_();
      }) {}

FileWorker::~FileWorker() {
  if (!shared_) return;
  loop_.unwatch(shared_->ready.get());
  pollfd ended{.fd = shared_->ready.get(), .events = POLLIN, .revents = 0};
  ::poll(&ended, 1, static_cast<int>(kLastChance.count()));
}

void FileWorker::begin(std::string doing, Work work, Done done) {
  auto shared = std::make_shared<Shared>();
  shared->ready.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!shared->ready.valid()) base::throw_errno(doing);
  loop_.watch(shared->ready.get(), EPOLLIN, [this, done = std::move(done)](uint32_t) { finish(done); });
  try {
    std::thread([shared, work = std::move(work)]() mutable {
      std::exception_ptr failure;
      try {
        work();
      } catch (...) {
        failure = std::current_exception();
      }
      work = nullptr;  // what it owns goes before the loop is told
      const std::lock_guard lock(shared->mutex);
      shared->failure = std::move(failure);
      ::eventfd_write(shared->ready.get(), 1);
    }).detach();
  } catch (const std::system_error& error) {
    loop_.unwatch(shared->ready.get());
    throw base::SystemError(error.code().value(), doing);
  }
  doing_ = std::move(doing);
  shared_ = std::move(shared);
  deadline_.start(limit_);
}

void FileWorker::finish(const Done& done) {
  const auto mine = std::exchange(shared_, nullptr);
  const Done then = done;  // the watch that owns it ends here
  loop_.unwatch(mine->ready.get());
  deadline_.cancel();
  const bool hung = std::exchange(hangs_, false);
  if (hung) base::log_info(fmt::format("to {} has ended after all", doing_));
  std::exception_ptr failure;
  {
    const std::lock_guard lock(mine->mutex);
    failure = mine->failure;
  }
  then(failure);
  if (hung) changed_();
}

std::optional<std::string> FileWorker::problem() const {
  if (!hangs_) return std::nullopt;
  return fmt::format("to {} has not ended for {} s: does the disk or the file server hang?", doing_,
                     std::chrono::floor<std::chrono::seconds>(limit_).count());
}

}  // namespace flanneld
