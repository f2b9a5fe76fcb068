#include "flanneld/io/name_lock.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/scoped_netns.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using flanneld_test::contains;
using std::chrono::milliseconds;

namespace {

struct OneNode : ScopedNetns {
  /// One that wants the lock, and what it hears.
  struct Wanting {
    Wanting(EventLoop& loop, const std::string& name, const std::string& description)
        : lock(loop, name, description,
               {.taken = [this] { heard.emplace_back("taken"); },
                .waits = [this](const NameLock::Party& holder) { heard.push_back(holder.str()); },
                .waiters_changed = [this] { heard.emplace_back("waiters changed"); }}) {
      lock.take();
    }
    std::vector<std::string> heard;
    NameLock lock;
  };

  std::unique_ptr<Wanting> want(const std::string& name, const std::string& description = {}) {
    return std::make_unique<Wanting>(loop, name, description);
  }

  template <class Done>
  void run_until(Done done, milliseconds most = milliseconds(30'000)) {
    Timer look(loop, [&] { done() ? loop.stop() : look.start(milliseconds(5)); });
    Timer end(loop, [&] { loop.stop(); });
    look.start(milliseconds(0));
    end.start(most);
    loop.run();
    CHECK(done());
  }

  EventLoop loop;
};

/// A process of another user that has an abstract name until it is destroyed.
class Squatter {
 public:
  explicit Squatter(const std::vector<std::string>& names) {
    std::array<int, 2> ready{};
    REQUIRE(::pipe(ready.data()) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      if (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0) ::_exit(1);
      for (const std::string& name : names) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        name.copy(address.sun_path + 1, name.size());
        const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET, 0);
        const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
        if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), length) != 0 || ::listen(fd, 8) != 0)
          ::_exit(1);
      }
      if (::write(ready[1], "x", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    ::close(ready[0]);
    ::close(ready[1]);
  }
  Squatter(const Squatter&) = delete;
  Squatter& operator=(const Squatter&) = delete;
  ~Squatter() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_ = 0;
};

}  // namespace

TEST_CASE_FIXTURE(
    OneNode, "name lock: the second waits, each knows of the other, and takes over when the first ends") {
  if (!made()) return;
  auto first = want("job", "the first");
  CHECK(first->heard == std::vector<std::string>{"taken"});
  auto second = want("job", "the second");
  CHECK(want("another job")->heard == std::vector<std::string>{"taken"});
  run_until([&] { return !second->heard.empty() && first->lock.find_waiter(); });
  CHECK(second->heard[0] == fmt::format("process {}, the first", ::getpid()));
  CHECK_FALSE(second->lock.is_taken());
  CHECK(first->lock.find_waiter()->description == "the second");
  first.reset();
  run_until([&] { return second->lock.is_taken(); });
  CHECK(second->heard.back() == "taken");
}

TEST_CASE_FIXTURE(OneNode, "name lock: of several that wait exactly one takes over") {
  if (!made()) return;
  auto first = want("job");
  std::vector<std::unique_ptr<Wanting>> others;
  for (int i = 0; i < 5; ++i) others.push_back(want("job"));
  const auto holders = [&] {
    return std::ranges::count_if(others, [](const auto& one) { return one->lock.is_taken(); });
  };
  run_until([&] { return first->lock.find_waiter().has_value(); });
  CHECK(holders() == 0);
  first.reset();
  run_until([&] { return holders() > 0; });
  run_until([&] { return holders() == 1; });
}

TEST_CASE_FIXTURE(OneNode, "name lock: one that gives up waiting is forgotten") {
  if (!made()) return;
  auto first = want("job");
  auto second = want("job", "the second");
  run_until([&] { return first->lock.find_waiter().has_value(); });
  second.reset();
  run_until([&] { return !first->lock.find_waiter(); });
}

TEST_CASE_FIXTURE(OneNode, "name lock: another user's process keeps nobody from it") {
  if (!made() || ::geteuid() != 0) return;
  SUBCASE("that has one of the names") {
    const Squatter squatter({"flanneld job"});
    auto first = want("job", "the first");
    CHECK(first->lock.is_taken());
    auto second = want("job");
    run_until([&] { return !second->heard.empty(); });
    CHECK_FALSE(second->lock.is_taken());
  }
  SUBCASE("that has all of them") {
    const Squatter squatter({"flanneld job", "flanneld job 1", "flanneld job 2"});
    CHECK(want("job")->lock.is_taken());
  }
}

TEST_CASE_FIXTURE(OneNode, "name lock: long names are told apart") {
  if (!made()) return;
  const std::string path(300, 'x');
  auto first = want(path + "1");
  CHECK(want(path + "2")->lock.is_taken());
  CHECK_FALSE(want(path + "1")->lock.is_taken());
}
