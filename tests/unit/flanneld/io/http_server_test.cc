#include "flanneld/io/http_server.h"

#include <doctest/doctest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <vector>

#include "common/base/unique_fd.h"
#include "tests/support/scoped_netns.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using flanneld_test::contains;
using std::chrono::milliseconds;

namespace {

constexpr uint16_t kPort = 7000;
constexpr const char* kProbe = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:7000\r\n\r\n";
constexpr size_t kLong = 3 << 20;

/// A server in a namespace of its own, and clients of it, all in one thread.
struct Served : ScopedNetns {
  Served() {
    if (!made()) return;
    const base::UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq up{};
    up.ifr_name[0] = 'l', up.ifr_name[1] = 'o';
    up.ifr_flags = IFF_UP;
    REQUIRE(::ioctl(fd.get(), SIOCSIFFLAGS, &up) == 0);
    server.emplace(loop, ListenAddress{base::IpAddress::v4(INADDR_LOOPBACK), kPort},
                   [](const std::string& path) {
                     if (path == "/long") return HttpAnswer{.body = std::string(kLong, 'x')};
                     return HttpAnswer{.body = "colour \x1b[31m\nof a peer"};
                   });
  }

  void run_for(milliseconds time) {
    Timer end(loop, [this] { loop.stop(); });
    end.start(time);
    loop.run();
  }

  static base::UniqueFd connect(std::string_view bytes) {
    base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(kPort);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
    return fd;
  }

  /// What has come by now.
  static std::string received(const base::UniqueFd& fd) {
    std::string all;
    std::array<char, 4096> buffer;
    ssize_t n = 0;
    while ((n = ::recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0)
      all.append(buffer.data(), static_cast<size_t>(n));
    return all;
  }

  /// The answer to a request, which is given ten seconds.
  std::string ask(std::string_view request) {
    const base::UniqueFd client = connect(request);
    std::string answer;
    for (int i = 0; i < 500 && answer.empty(); ++i) {
      run_for(milliseconds(20));
      answer = received(client);
    }
    return answer;
  }

  static bool is_closed(const base::UniqueFd& fd) {
    pollfd gone{fd.get(), POLLRDHUP, 0};
    return ::poll(&gone, 1, 0) == 1;
  }

  EventLoop loop;
  std::optional<StatusServer> server;
};

}  // namespace

TEST_CASE_FIXTURE(Served, "status server: answers, without what steers a terminal, and closes") {
  if (!made()) return;
  const std::string answer = ask(kProbe);
  CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(contains(answer, "X-Content-Type-Options: nosniff\r\n"));
  CHECK(contains(answer, "Connection: close\r\n"));
  CHECK(answer.ends_with("\r\n\r\ncolour  [31m\nof a peer"));
  CHECK(ask("GET /healthz HTTP/1.0\r\n\r\n").starts_with("HTTP/1."));
  CHECK_FALSE(ask("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").ends_with("of a peer"));
}

TEST_CASE_FIXTURE(Served,
                  "status server: refuses foreign names, methods that change things, and endless headers") {
  if (!made()) return;
  const std::string answer = ask("GET /status HTTP/1.1\r\nHost: evil.example:7000\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 421 "));
  CHECK(contains(answer, "'evil.example:7000' is no name of this node: ask by an address"));
  CHECK(ask("POST / HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 1\r\n\r\n").starts_with("HTTP/1.1 405 "));
  CHECK(ask(std::string("GET / HTTP/1.1\r\nHost: localhost\r\nX: ") + std::string(20000, 'x'))
            .starts_with("HTTP/1.1 4"));
}

TEST_CASE_FIXTURE(Served, "status server: connections that do not finish their request keep no probe away") {
  if (!made()) return;
  std::vector<base::UniqueFd> held;
  for (int i = 0; i < 300; ++i) {
    held.push_back(connect("GET /healthz HTTP/1.1\r\nHost: localhost\r\n"));
    if (i % 50 == 0) run_for(milliseconds(5));
  }
  CHECK(ask(kProbe).starts_with("HTTP/1.1 200 "));
  CHECK(is_closed(held.front()));
  CHECK_FALSE(is_closed(held.back()));
}

TEST_CASE_FIXTURE(Served, "status server: answers that nobody reads keep no probe away and are bounded") {
  if (!made()) return;
  std::vector<base::UniqueFd> held;
  for (int i = 0; i < 20; ++i) {
    held.push_back(connect("GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    run_for(milliseconds(5));
  }
  CHECK(ask(kProbe).starts_with("HTTP/1.1 200 "));
  const auto open = [&] {
    return std::ranges::count_if(held, [](const auto& fd) { return !is_closed(fd); });
  };
  for (int i = 0; i < 500 && open() > 3; ++i) run_for(milliseconds(20));
  CHECK(open() <= 3);
}
