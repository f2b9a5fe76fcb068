// An HTTP server on the loop of a test, whose time runs faster than the world's.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/unique_fd.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/store/kube/client.h"
#include "tests/support/loopback.h"

namespace flanneld_test {

/// Time that runs faster than the world's: a timer of a minute fires after 0.3 s. It passes with the turns of
/// the loop, so that a machine that is slow for a while does not make it seem that the server was.
class FastLoop {
 public:
  FastLoop() {
    const itimerspec often{.it_interval = {0, 2'000'000}, .it_value = {0, 2'000'000}};
    REQUIRE(::timerfd_settime(tick_.get(), 0, &often, nullptr) == 0);
    loop.watch(tick_.get(), EPOLLIN, [this](uint32_t) {
      uint64_t count = 0;
      REQUIRE(::read(tick_.get(), &count, sizeof count) == sizeof count);
      passed_ += std::chrono::milliseconds(400);
    });
  }
  [[nodiscard]] flanneld::EventLoop::Clock::duration passed() const { return passed_; }

 private:
  flanneld::EventLoop::Clock::time_point begun_ = flanneld::BootClock::now();
  flanneld::EventLoop::Clock::duration passed_{};
  base::UniqueFd tick_{::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)};

 public:
  flanneld::EventLoop loop{[this] { return begun_ + passed(); }};
};

inline std::string http_answer(std::string_view status, std::string_view body) {
  return fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\n\r\n{}", status, body.size(), body);
}

/// Answers each request by a function; nothing where that returns nothing.
class LoopServer {
 public:
  using Answer = std::function<std::string(const std::string& request)>;

  LoopServer(flanneld::EventLoop& loop, Answer answer) : loop_(loop), answer_(std::move(answer)) {
    port = test::listen_on_loopback(fd_.get());
    loop_.watch(fd_.get(), EPOLLIN, [this](uint32_t) { accept(); });
  }
  LoopServer(const LoopServer&) = delete;
  LoopServer& operator=(const LoopServer&) = delete;
  ~LoopServer() {
    loop_.unwatch(fd_.get());
    for (const auto& [fd, owner] : clients_) loop_.unwatch(fd);
  }

  uint16_t port = 0;

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
    const std::string answer = answer_(std::string(bytes.data(), static_cast<size_t>(size)));
    if (answer.empty()) return;
    REQUIRE(::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(answer.size()));
  }

  flanneld::EventLoop& loop_;
  Answer answer_;
  base::UniqueFd fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::map<int, base::UniqueFd> clients_;
};

/// A client of it without credentials.
inline flanneld::KubeClient client_of(flanneld::EventLoop& loop, uint16_t port) {
  return flanneld::KubeClient(
      loop,
      [port] {
        flanneld::KubeAccess access;
        access.server = fmt::format("http://127.0.0.1:{}", port);
        return access;
      },
      [](const std::string&) { return std::nullopt; });
}

}  // namespace flanneld_test
