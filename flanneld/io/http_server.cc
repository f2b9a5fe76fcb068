#include "flanneld/io/http_server.h"

#include <fmt/format.h>
#include <microhttpd.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <string_view>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/printable.h"
#include "common/base/text.h"
#include "flanneld/io/guests.h"
#include "flanneld/io/host_check.h"

namespace flanneld {
namespace {

// A probe or a person needs little; a slow or idle client must not cost more, nor keep others away.
constexpr unsigned kMaxConnections = 96, kIdleSeconds = 10, kConnectionBytes = 16 << 10;
constexpr unsigned kAtOnce = 16;  // that are accepted before the loop's other work has its turn
constexpr size_t kAnswerBytes = 8 << 20;
constexpr int kSendBuffer = 64 << 10;
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr const char* kText = "text/plain; charset=utf-8";

bool is_served(std::string_view method) {
  return method == MHD_HTTP_METHOD_GET || method == MHD_HTTP_METHOD_HEAD;
}

HttpAnswer answer_for(const StatusServer::Handler& handler, const std::string& path) {
  try {
    return handler(path);
  } catch (const std::exception& error) {
    base::log_error(fmt::format("answer a request for {}: {}", path, error.what()));
    return {MHD_HTTP_INTERNAL_SERVER_ERROR, kText, "see flanneld's log\n"};
  }
}

int fd_of(MHD_Connection* connection) {
  return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

MHD_Result send_answer(MHD_Connection* connection, const HttpAnswer& answer) {
  MHD_Response* response = MHD_create_response_from_buffer(
      answer.body.size(), const_cast<char*>(answer.body.data()), MHD_RESPMEM_MUST_COPY);
  if (!response) return MHD_NO;
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.content_type.c_str());
  MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
  if (!answer.content_policy.empty()) {
    MHD_add_response_header(response, "Content-Security-Policy", answer.content_policy.c_str());
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
  }
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
  const MHD_Result result = MHD_queue_response(connection, answer.status, response);
  MHD_destroy_response(response);
  return result;
}

}  // namespace

/// libmicrohttpd on the loop. Connections are accepted here, because it can turn away only the newest.
class StatusServer::Daemon {
 public:
  Daemon(EventLoop& loop, const ListenAddress& address, Handler handler);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

 private:
  static MHD_Result serve(void* self, MHD_Connection* connection, const char* path, const char* method,
                          const char*, const char*, size_t* upload_bytes, void** request) noexcept;
  static void notice(void* self, MHD_Connection* connection, void**,
                     MHD_ConnectionNotificationCode code) noexcept;

  void listen();
  void accept_some();
  bool accept_one();
  void dismiss(int fd);
  [[nodiscard]] HttpAnswer answer(MHD_Connection* connection, const char* path, const char* method) const;
  void run();

  EventLoop& loop_;
  Handler handler_;
  const NodeNames names_ = NodeNames::read();
  Guests guests_{{.connections = kMaxConnections, .answer_bytes = kAnswerBytes}};
  base::UniqueFd listening_;
  Timer timer_, pause_;
  MHD_Daemon* daemon_ = nullptr;
  int epoll_fd_ = -1;  // libmicrohttpd's
};

StatusServer::Daemon::Daemon(EventLoop& loop, const ListenAddress& address, Handler handler)
    : loop_(loop),
      handler_(std::move(handler)),
      listening_(listen_on(address)),
      timer_(loop, [this] { run(); }),
      pause_(loop, [this] { listen(); }) {
  errno = 0;
  daemon_ =
      MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, nullptr, nullptr, &serve, this,
                       MHD_OPTION_CONNECTION_LIMIT, kMaxConnections + kAtOnce, MHD_OPTION_CONNECTION_TIMEOUT,
                       kIdleSeconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT, size_t{kConnectionBytes},
                       MHD_OPTION_NOTIFY_CONNECTION, &notice, this, MHD_OPTION_END);
  if (!daemon_)
    throw base::SystemError(errno != 0 ? errno : ENOMEM, fmt::format("serve HTTP on {}", address));
  epoll_fd_ = MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
  loop_.watch(epoll_fd_, EPOLLIN, [this](uint32_t) { run(); });
  listen();
}

StatusServer::Daemon::~Daemon() {
  loop_.unwatch(listening_.get());
  if (epoll_fd_ >= 0) loop_.unwatch(epoll_fd_);
  if (daemon_) MHD_stop_daemon(daemon_);
}

void StatusServer::Daemon::listen() {
  loop_.watch(listening_.get(), EPOLLIN, [this](uint32_t) { accept_some(); });
}

void StatusServer::Daemon::accept_some() {
  for (unsigned i = 0; i < kAtOnce && accept_one(); ++i) {
  }
  run();
}

/// False: nobody waits, or the process has no descriptor left.
bool StatusServer::Daemon::accept_one() {
  sockaddr_storage from{};
  socklen_t length = sizeof from;
  const int fd =
      ::accept4(listening_.get(), reinterpret_cast<sockaddr*>(&from), &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) {
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return errno != EAGAIN;
    loop_.unwatch(listening_.get());
    pause_.start(kAcceptPause);
    return false;
  }
  if (guests_.are_full())
    if (const auto goes = guests_.find_one_too_many()) dismiss(*goes);
  // The kernel would take megabytes of an answer that nobody reads, and keep them after the connection's end.
  ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);
  const auto address = address_of(from);
  guests_.add(fd, address.value_or(base::IpAddress::v4(0)));
  if (MHD_add_connection(daemon_, fd, reinterpret_cast<const sockaddr*>(&from), length) != MHD_YES)
    guests_.dismiss(fd);  // and it has been closed
  return true;
}

/// Ends a connection; libmicrohttpd notices and closes it. The kernel keeps nothing of its answer.
void StatusServer::Daemon::dismiss(int fd) {
  guests_.dismiss(fd);
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::shutdown(fd, SHUT_RDWR);
}

void StatusServer::Daemon::notice(void* self, MHD_Connection* connection, void**,
                                  MHD_ConnectionNotificationCode code) noexcept {
  if (code == MHD_CONNECTION_NOTIFY_CLOSED) static_cast<Daemon*>(self)->guests_.dismiss(fd_of(connection));
}

HttpAnswer StatusServer::Daemon::answer(MHD_Connection* connection, const char* path,
                                        const char* method) const {
  if (!is_served(method)) return {MHD_HTTP_METHOD_NOT_ALLOWED, kText, "only GET is served here\n"};
  const char* host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
  if (host && !is_own_host(host, names_))
    return {MHD_HTTP_MISDIRECTED_REQUEST, kText,
            fmt::format("{} is no name of this node: ask by an address, localhost or the node's host name\n",
                        base::quoted(host))};
  HttpAnswer answer = answer_for(handler_, path);
  if (answer.content_type.starts_with("text/plain")) answer.body = base::printable(answer.body, "\n");
  return answer;
}

MHD_Result StatusServer::Daemon::serve(void* self, MHD_Connection* connection, const char* path,
                                       const char* method, const char*, const char*, size_t* upload_bytes,
                                       void** request) noexcept {
  static int seen;
  if (*upload_bytes != 0) {  // no answer can be given within a body
    *upload_bytes = 0;
    return MHD_YES;
  }
  if (*request == nullptr && is_served(method)) {  // headers only; a body, if any, is still to come
    *request = &seen;
    return MHD_YES;
  }
  auto& daemon = *static_cast<Daemon*>(self);
  const HttpAnswer answer = daemon.answer(connection, path, method);
  daemon.guests_.answer(fd_of(connection), answer.body.size());
  if (const auto goes = daemon.guests_.find_hoarder()) daemon.dismiss(*goes);
  return send_answer(connection, answer);
}

void StatusServer::Daemon::run() {
  MHD_run(daemon_);
  MHD_UNSIGNED_LONG_LONG delay = 0;
  if (MHD_get_timeout(daemon_, &delay) == MHD_YES)
    timer_.start(std::chrono::milliseconds(delay));
  else
    timer_.cancel();
}

StatusServer::StatusServer(EventLoop& loop, const ListenAddress& address, Handler handler)
    : daemon_(std::make_unique<Daemon>(loop, address, std::move(handler))) {}

StatusServer::~StatusServer() = default;

}  // namespace flanneld
