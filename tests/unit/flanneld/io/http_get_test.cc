#include "flanneld/io/http_get.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "common/base/unique_fd.h"
#include "flanneld/io/http_client.h"
#include "tests/support/loopback.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using flanneld_test::contains;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kPatience(20'000);  // for what takes none

/// A socket that listens on the loopback address; what connects waits in its queue.
struct Listening {
  Listening() { port = test::listen_on_loopback(fd.get()); }
  [[nodiscard]] std::string url(const std::string& path = "") const {
    return fmt::format("http://127.0.0.1:{}{}", port, path);
  }
  base::UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  uint16_t port = 0;
};

/// Serves one client: `answer` piece by piece, one each 50 ms, until the client goes.
class OneAnswer {
 public:
  OneAnswer(const Listening& listening, std::vector<std::string> pieces)
      : thread_([&listening, pieces = std::move(pieces)] {
          const base::UniqueFd client(::accept(listening.fd.get(), nullptr, nullptr));
          for (const std::string& piece : pieces) {
            pollfd gone{client.get(), POLLRDHUP, 0};
            if (::poll(&gone, 1, 50) != 0 ||
                ::send(client.get(), piece.data(), piece.size(), MSG_NOSIGNAL) < 0)
              return;
          }
        }) {}
  OneAnswer(const OneAnswer&) = delete;
  OneAnswer& operator=(const OneAnswer&) = delete;
  ~OneAnswer() { thread_.join(); }

 private:
  std::thread thread_;
};

/// A TCP option of this process's connection to `port`; -1 if there is no such connection.
int option_of_connection_to(uint16_t port, int option) {
  for (int fd = 0; fd < 1024; ++fd) {
    sockaddr_in peer{};
    socklen_t length = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) != 0 || peer.sin_family != AF_INET ||
        ntohs(peer.sin_port) != port)
      continue;
    int value = -1;
    length = sizeof value;
    ::getsockopt(fd, IPPROTO_TCP, option, &value, &length);
    return value;
  }
  return -1;
}

}  // namespace

TEST_CASE("http_get: status and body") {
  const Listening listening;
  const OneAnswer answer(listening, {"HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n\r\n", "later"});
  const HttpResult result = http_get(listening.url("/readyz"), kPatience);
  CHECK(result.status == 503);
  CHECK(result.body == "later");
  CHECK(result.error.empty());
}

TEST_CASE("http_get: the limit is for the whole answer, however often a byte of it arrives") {
  const Listening listening;
  std::vector<std::string> drops(100, "x");
  drops.front() = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
  const OneAnswer answer(listening, drops);
  const auto begin = std::chrono::steady_clock::now();
  const HttpResult result = http_get(listening.url(), milliseconds(300));
  CHECK_FALSE(result.error.empty());
  CHECK(std::chrono::steady_clock::now() - begin < milliseconds(4500));  // all of it would take 5 s
}

TEST_CASE("http_get: what does not speak HTTP has no status") {
  const Listening listening;
  const OneAnswer answer(listening, {"SSH-2.0\r\n"});
  const HttpResult result = http_get(listening.url(), kPatience);
  CHECK(result.status == 0);
  CHECK_FALSE(result.error.empty());
}

TEST_CASE("server_time: what the server's answer says, whatever its status") {
  const auto time_by = [](const std::string& head) {
    const Listening listening;
    const OneAnswer answer(listening, {head});
    return server_time(listening.url("/version"), kPatience);
  };
  CHECK(
      time_by(
          "HTTP/1.1 401 Unauthorized\r\nDate: Fri, 15 Jan 2027 08:00:00 GMT\r\nContent-Length: 9\r\n\r\n") ==
      std::chrono::sys_seconds(std::chrono::seconds(1'800'000'000)));
  CHECK(time_by("HTTP/1.1 200 OK\r\nDate: yesterday at noon\r\n\r\n") == std::nullopt);
  CHECK(time_by("HTTP/1.1 200 OK\r\n\r\n") == std::nullopt);
  CHECK(time_by("SSH-2.0\r\n") == std::nullopt);
}

TEST_CASE("connect_failure: says why a server cannot be reached") {
  std::string url;
  {
    const Listening listening;
    url = listening.url();
    CHECK_FALSE(connect_failure(url, kPatience));
    CHECK_FALSE(connect_failure("https" + url.substr(4), kPatience));  // no TLS is spoken
  }
  CHECK(connect_failure(url, kPatience) == "Connection refused");
  CHECK(contains(connect_failure("etcd:2379", kPatience).value(), "is not a URL"));
}

TEST_CASE("a connection is limited to 15 s of silence") {
  const Listening listening;
  EventLoop loop;
  HttpClient client(loop, {});
  HttpRequest request;
  request.url = listening.url();
  const auto stream = client.stream(
      request, [](std::string_view) {}, [](const auto&) {});
  Timer end(loop, [&] { loop.stop(); });
  for (int i = 0; i < 1000 && option_of_connection_to(listening.port, TCP_KEEPIDLE) < 0; ++i) {
    end.start(milliseconds(10));
    loop.run();
  }
  const int idle = option_of_connection_to(listening.port, TCP_KEEPIDLE),
            interval = option_of_connection_to(listening.port, TCP_KEEPINTVL),
            probes = option_of_connection_to(listening.port, TCP_KEEPCNT);
  CHECK(idle + interval * probes == 15);
  CHECK(option_of_connection_to(listening.port, TCP_USER_TIMEOUT) == 15'000);
}
