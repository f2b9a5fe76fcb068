// The Nodes are followed through a proxy that lives on while the server behind it does not.
#include "flanneld/store/kube/follower.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <map>

#include "common/base/unique_fd.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using flanneld_test::contains;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr int kSpeed = 200;

/// Time that runs faster than the world's: a timer of a minute fires after 0.3 s.
class FastLoop {
 public:
  FastLoop() {
    const itimerspec often{.it_interval = {0, 2'000'000}, .it_value = {0, 2'000'000}};
    REQUIRE(::timerfd_settime(tick_.get(), 0, &often, nullptr) == 0);
    loop.watch(tick_.get(), EPOLLIN, [this](uint32_t) {
      uint64_t count = 0;
      REQUIRE(::read(tick_.get(), &count, sizeof count) == sizeof count);
    });
  }
  [[nodiscard]] EventLoop::Clock::duration passed() const { return (BootClock::now() - begun_) * kSpeed; }

 private:
  EventLoop::Clock::time_point begun_ = BootClock::now();
  base::UniqueFd tick_{::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)};

 public:
  EventLoop loop{[this] { return begun_ + passed(); }};
};

/// Answers each request on the loop: a list at once, a watch never. While the server is dead all else gets
/// 502.
class Proxy {
 public:
  explicit Proxy(EventLoop& loop) : loop_(loop) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    REQUIRE(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0);
    REQUIRE(::listen(fd_.get(), 8) == 0);
    REQUIRE(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
    port = ntohs(address.sin_port);
    loop_.watch(fd_.get(), EPOLLIN, [this](uint32_t) { accept(); });
  }
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;
  ~Proxy() {
    loop_.unwatch(fd_.get());
    for (const auto& [fd, owner] : clients_) loop_.unwatch(fd);
  }

  uint16_t port = 0;
  bool is_dead = false;
  int busy_watches = 0;             ///< so many are refused
  std::map<std::string, int> seen;  ///< requests: "list", "watch", "probe"

 private:
  void accept() {
    base::UniqueFd client(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    const int fd = client.get();
    clients_.emplace(fd, std::move(client));
    loop_.watch(fd, EPOLLIN, [this, fd](uint32_t) { serve(fd); });
  }

  void serve(int fd) {
    std::array<char, 4096> bytes{};
    const ssize_t size = ::read(fd, bytes.data(), bytes.size());
    if (size <= 0) {
      loop_.unwatch(fd);
      clients_.erase(fd);
      return;
    }
    const std::string request(bytes.data(), static_cast<size_t>(size));
    if (contains(request, "watch=true")) {
      ++seen["watch"];
      if (busy_watches-- > 0) send(fd, "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    ++seen[contains(request, "limit=1 ") ? "probe" : "list"];
    const std::string body = R"({"kind":"NodeList","metadata":{"resourceVersion":"5"},"items":[]})";
    send(fd, is_dead ? "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
                     : fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body));
  }

  static void send(int fd, const std::string& answer) {
    REQUIRE(::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(answer.size()));
  }

  EventLoop& loop_;
  base::UniqueFd fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::map<int, base::UniqueFd> clients_;
};

/// A client of the proxy without credentials.
KubeClient client_of(EventLoop& loop, const Proxy& proxy) {
  return KubeClient(
      loop,
      [port = proxy.port] {
        KubeAccess access;
        access.server = fmt::format("http://127.0.0.1:{}", port);
        return access;
      },
      [](const std::string&) { return std::nullopt; });
}

}  // namespace

TEST_CASE(
    "kube follower: a watch that says nothing is looked after; a dead server is noticed within a minute") {
  FastLoop time;
  Proxy proxy(time.loop);
  KubeClient client = client_of(time.loop, proxy);
  EventLoop::Clock::duration died{}, noticed{};
  std::string reason;
  NodeFollower follower(time.loop, client, "x/",
                        {.list_begins = [] {},
                         .listed = [](const KubeNode&) {},
                         .list_ends = [] {},
                         .changed = [](const KubeEvent&) {},
                         .failed =
                             [&](const std::string& said) {
                               noticed = time.passed();
                               reason = said;
                               time.loop.stop();
                             },
                         .answered = [] {}});
  Timer death(time.loop, [&] {
    died = time.passed();
    proxy.is_dead = true;
  });
  Timer limit(time.loop, [&] { time.loop.stop(); });
  follower.start();
  death.start(seconds(40));
  limit.start(seconds(300));
  time.loop.run();
  CHECK(contains(reason, "502"));
  CHECK(noticed - died < seconds(60));
  CHECK(proxy.seen["list"] == 1);
  CHECK(proxy.seen["watch"] == 1);
  CHECK(proxy.seen["probe"] >= 2);
}

TEST_CASE("kube follower: a refusal is over when the next watch is taken, though that says nothing yet") {
  FastLoop time;
  Proxy proxy(time.loop);
  proxy.busy_watches = 1;
  KubeClient client = client_of(time.loop, proxy);
  EventLoop::Clock::duration refused{}, served{};
  NodeFollower follower(time.loop, client, "x/",
                        {.list_begins = [] {},
                         .listed = [](const KubeNode&) {},
                         .list_ends = [] {},
                         .changed = [](const KubeEvent&) {},
                         .failed = [&](const std::string&) { refused = time.passed(); },
                         .answered =
                             [&] {
                               served = time.passed();
                               if (refused.count() > 0) time.loop.stop();
                             }});
  Timer limit(time.loop, [&] { time.loop.stop(); });
  follower.start();
  limit.start(seconds(60));
  time.loop.run();
  CHECK(proxy.seen["watch"] == 2);
  REQUIRE(refused.count() > 0);
  CHECK(served > refused);
  CHECK(served - refused < seconds(10));
}
