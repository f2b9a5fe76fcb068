// The etcd client's way from member to member.
#include "flanneld/store/etcd/client.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <list>

#include "tests/support/loopback.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using flanneld_test::contains;
using std::chrono::milliseconds;

namespace {

/// A server that answers each request with `answer` after a while, or accepts connections and says nothing.
class Member {
 public:
  explicit Member(EventLoop& loop, std::string answer = "", milliseconds delay = milliseconds(0))
      : loop_(loop), answer_(std::move(answer)), delay_(delay) {
    url = fmt::format("http://127.0.0.1:{}", test::listen_on_loopback(listening_.get()));
    if (!answer_.empty()) loop_.watch(listening_.get(), EPOLLIN, [this](uint32_t) { accept(); });
  }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;
  ~Member() {
    loop_.unwatch(listening_.get());
    for (const auto& client : clients_) loop_.unwatch(client.get());
  }

  std::string url;

 private:
  void accept() {
    clients_.emplace_back(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    const int fd = clients_.back().get();
    loop_.watch(fd, EPOLLIN, [this, fd](uint32_t) {
      std::array<char, 4096> request;
      if (::recv(fd, request.data(), request.size(), 0) <= 0) return loop_.unwatch(fd);
      timers_.emplace_back(loop_, [this, fd] { send(fd); }).start(delay_);
    });
  }

  void send(int fd) const {
    const std::string text =
        fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", answer_.size(), answer_);
    ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);  // the client may be gone
  }

  EventLoop& loop_;
  std::string answer_;
  milliseconds delay_;
  std::list<Timer> timers_;
  base::UniqueFd listening_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::list<base::UniqueFd> clients_;
};

/// Makes `count` calls at once; "ok" or the reason of each.
std::vector<std::string> read_at_once(EventLoop& loop, EtcdClient& client, size_t count) {
  std::vector<std::string> outcomes;
  for (size_t i = 0; i < count; ++i)
    client.read("key", [&](const Result<EtcdRange>& answer) {
      outcomes.push_back(answer ? "ok" : answer.reason());
      if (outcomes.size() == count) loop.stop();
    });
  Timer limit(loop, [&] { loop.stop(); });
  limit.start(std::chrono::seconds(60));
  loop.run();
  return outcomes;
}

EtcdAccess access_to(std::vector<std::string> endpoints) {
  EtcdAccess access;
  access.endpoints = std::move(endpoints);
  access.begin_at = [](size_t) { return 0; };
  access.call_timeout = milliseconds(500);
  return access;
}

const std::string kAnswer = R"({"header":{"revision":"5"}})";

}  // namespace

TEST_CASE("etcd client: two calls to a member that is frozen both go on to the next one") {
  EventLoop loop;
  const Member frozen(loop), good(loop, kAnswer);
  EtcdClient client(loop, access_to({frozen.url, good.url}));
  CHECK(read_at_once(loop, client, 2) == std::vector<std::string>{"ok", "ok"});
  CHECK(read_at_once(loop, client, 1) == std::vector<std::string>{"ok"});
}

TEST_CASE("etcd client: a failure names the member that the call was sent to last") {
  EventLoop loop;
  const Member first(loop), second(loop);
  EtcdClient client(loop, access_to({first.url, second.url}));
  for (const std::string& reason : read_at_once(loop, client, 2)) {
    CHECK(contains(reason, second.url + ": "));
    CHECK(contains(reason, "timed out"));
  }
}

TEST_CASE("etcd client: a member that is slow for all is given more time, until it answers") {
  EventLoop loop;
  const Member slow(loop, kAnswer, milliseconds(750));
  EtcdClient client(loop, access_to({slow.url}));
  CHECK(contains(read_at_once(loop, client, 1).front(), "timed out"));
  CHECK(read_at_once(loop, client, 1) == std::vector<std::string>{"ok"});
  CHECK(contains(read_at_once(loop, client, 1).front(), "timed out"));
}

TEST_CASE("etcd client: a page of a list is given more time than other calls") {
  EventLoop loop;
  const Member slow(loop, kAnswer, milliseconds(750));
  EtcdClient client(loop, access_to({slow.url}));
  client.page({.from = "a", .end = "b"}, [&](const Result<EtcdRange>& answer) {
    CHECK(answer);
    loop.stop();
  });
  loop.run();
  CHECK(contains(read_at_once(loop, client, 1).front(), "timed out"));
}

TEST_CASE("etcd client: begins with any member of the list, and stays with it") {
  EventLoop loop;
  const Member first(loop, kAnswer), second(loop, R"({"header":{"revision":"6"}})");
  EtcdAccess access = access_to({first.url, second.url, "https://127.0.0.1:1"});
  access.begin_at = [](size_t alike) { return alike - 1; };
  EtcdClient client(loop, access);
  for (int i = 0; i < 3; ++i) {
    client.read("key", [&](const Result<EtcdRange>& answer) {
      CHECK((answer && answer->revision == 6));
      loop.stop();
    });
    loop.run();
  }
}

TEST_CASE("etcd client: an answer that cannot be read is asked of the next member") {
  EventLoop loop;
  const Member rubbish(loop, "[1"), good(loop, kAnswer);
  EtcdClient client(loop, access_to({rubbish.url, good.url}));
  CHECK(read_at_once(loop, client, 1) == std::vector<std::string>{"ok"});
}
