#include "flanneld/io/event_loop.h"

#include <doctest/doctest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>

#include "tests/support/fake_time.h"

using namespace flanneld;
using std::chrono::milliseconds;

namespace {

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
  void fill() const { REQUIRE(::write(write.get(), "x", 1) == 1); }
  base::UniqueFd read, write;
};

}  // namespace

TEST_CASE("a descriptor that is reused within one round does not get the event of the one before it") {
  EventLoop loop;
  const Pipe empty;
  std::array<Pipe, 2> pipes;
  int called = 0, called_for_empty = 0;
  // Both are ready at once; whichever is told first puts a descriptor that is not ready in the other's place.
  for (size_t i = 0; i < pipes.size(); ++i) {
    pipes.at(i).fill();
    loop.watch(pipes.at(i).read.get(), EPOLLIN, [&, i](uint32_t) {
      ++called;
      const int other = pipes.at(1 - i).read.get();
      loop.unwatch(pipes.at(i).read.get());
      loop.unwatch(other);
      REQUIRE(::dup2(empty.read.get(), other) == other);
      loop.watch(other, EPOLLIN, [&](uint32_t) { ++called_for_empty; });
    });
  }
  Timer end(loop, [&] { loop.stop(); });
  end.start(milliseconds(0));
  loop.run();
  CHECK(called == 1);
  CHECK(called_for_empty == 0);
}

TEST_CASE("a watch that is replaced keeps its pending event") {
  EventLoop loop;
  const Pipe pipe;
  pipe.fill();
  std::string calls;
  loop.watch(pipe.read.get(), EPOLLIN, [&](uint32_t) { calls += "first"; });
  loop.watch(pipe.read.get(), EPOLLIN, [&](uint32_t) {
    calls += "second";
    loop.stop();
  });
  loop.run();
  CHECK(calls == "second");
}

TEST_CASE("timers go by the loop's clock, in the order of their deadlines") {
  test::FakeTime time;
  std::string calls;
  Timer late(time.loop, [&] { calls += "late "; });
  Timer early(time.loop, [&] { calls += "early "; });
  Timer canceled(time.loop, [&] { calls += "canceled "; });
  late.start(milliseconds(20));
  early.start(milliseconds(10));
  canceled.start(milliseconds(5));
  canceled.cancel();
  time.advance(milliseconds(9));
  CHECK(calls.empty());
  time.advance(milliseconds(11));
  CHECK(calls == "early late ");
  CHECK_FALSE(time.loop.next_deadline());
}

TEST_CASE("a timer that fell due while the machine slept runs as soon as it wakes") {
  EventLoop::Clock::duration slept{};
  EventLoop loop([&] { return EventLoop::Clock::now() + slept; });
  const Pipe wake;
  std::string calls;
  Timer renewal(loop, [&] { calls += "renewal "; });
  Timer later(loop, [&] { calls += "later "; });
  Timer end(loop, [&] { loop.stop(); });
  renewal.start(std::chrono::hours(1));
  later.start(std::chrono::hours(3));
  loop.watch(wake.read.get(), EPOLLIN, [&](uint32_t) {
    loop.unwatch(wake.read.get());
    slept = std::chrono::hours(2);
    end.start(milliseconds(1));
  });
  wake.fill();
  loop.run();
  CHECK(calls == "renewal ");
}

TEST_CASE("timers go by a clock that counts the machine's sleep") {
  timespec now{};
  REQUIRE(::clock_gettime(CLOCK_BOOTTIME, &now) == 0);
  const auto since = EventLoop::Clock::now().time_since_epoch() - std::chrono::seconds(now.tv_sec);
  CHECK(since >= std::chrono::seconds(0));
  CHECK(since < std::chrono::seconds(5));
}
