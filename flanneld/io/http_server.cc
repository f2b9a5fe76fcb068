#include "flanneld/io/http_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>

#include "common/base/error.h"
#include "common/base/log.h"

namespace flanneld {
namespace {

// A probe or a person needs little; a slow or idle client must not cost more, nor keep others away.
constexpr unsigned kMaxConnections = 128, kMaxPerAddress = 8, kIdleSeconds = 10, kConnectionBytes = 16 << 10;

base::UniqueFd listen_on(const ListenAddress& address) {
  sockaddr_storage storage{};
  socklen_t length = 0;
  if (address.ip.is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    std::memcpy(&v4.sin_addr, address.ip.data(), address.ip.size());
    length = sizeof v4;
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    std::memcpy(&v6.sin6_addr, address.ip.data(), address.ip.size());
    length = sizeof v6;
  }
  const std::string doing = fmt::format("listen on {}", address);
  base::UniqueFd fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) base::throw_errno(doing);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0 ||
      ::listen(fd.get(), SOMAXCONN) != 0)
    base::throw_errno(doing);
  return fd;
}

bool is_served(std::string_view method) {
  return method == MHD_HTTP_METHOD_GET || method == MHD_HTTP_METHOD_HEAD;
}

HttpAnswer answer_for(const StatusServer::Handler& handler, const std::string& method,
                      const std::string& path) {
  if (!is_served(method))
    return {MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", "only GET is served here\n"};
  try {
    return handler(path);
  } catch (const std::exception& error) {
    base::log_error(fmt::format("answer a request for {}: {}", path, error.what()));
    return {MHD_HTTP_INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", "see flanneld's log\n"};
  }
}

MHD_Result serve(void* context, MHD_Connection* connection, const char* path, const char* method, const char*,
                 const char*, size_t* upload_bytes, void** request) noexcept {
  static int seen;
  if (*upload_bytes != 0) {  // no answer can be given within a body
    *upload_bytes = 0;
    return MHD_YES;
  }
  if (*request == nullptr && is_served(method)) {  // headers only; a body, if any, is still to come
    *request = &seen;
    return MHD_YES;
  }
  const HttpAnswer answer = answer_for(*static_cast<const StatusServer::Handler*>(context), method, path);
  MHD_Response* response = MHD_create_response_from_buffer(
      answer.body.size(), const_cast<char*>(answer.body.data()), MHD_RESPMEM_MUST_COPY);
  if (!response) return MHD_NO;
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.content_type.c_str());
  const MHD_Result result = MHD_queue_response(connection, answer.status, response);
  MHD_destroy_response(response);
  return result;
}

}  // namespace

struct StatusServer::Daemon {
  Daemon(EventLoop& event_loop, Handler request_handler)
      : loop(event_loop), handler(std::move(request_handler)), timer(event_loop, [this] { run(); }) {}
  ~Daemon() {
    if (epoll_fd >= 0) loop.unwatch(epoll_fd);
    if (daemon) MHD_stop_daemon(daemon);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  void run() {
    MHD_run(daemon);
    MHD_UNSIGNED_LONG_LONG delay = 0;
    if (MHD_get_timeout(daemon, &delay) == MHD_YES)
      timer.start(std::chrono::milliseconds(delay));
    else
      timer.cancel();
  }

  EventLoop& loop;
  Handler handler;
  Timer timer;
  MHD_Daemon* daemon = nullptr;
  int epoll_fd = -1;  // libmicrohttpd's
};

StatusServer::StatusServer(EventLoop& loop, const ListenAddress& address, Handler handler)
    : daemon_(std::make_unique<Daemon>(loop, std::move(handler))) {
  const base::UniqueFd listening = listen_on(address);
  const int given = ::fcntl(listening.get(), F_DUPFD_CLOEXEC, 0);  // the daemon closes it
  if (given < 0) base::throw_errno(fmt::format("serve HTTP on {}", address));
  errno = 0;
  daemon_->daemon = MHD_start_daemon(
      MHD_USE_EPOLL, 0, nullptr, nullptr, &serve, &daemon_->handler, MHD_OPTION_LISTEN_SOCKET, given,
      MHD_OPTION_CONNECTION_LIMIT, kMaxConnections, MHD_OPTION_PER_IP_CONNECTION_LIMIT, kMaxPerAddress,
      MHD_OPTION_CONNECTION_TIMEOUT, kIdleSeconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      size_t{kConnectionBytes}, MHD_OPTION_END);
  if (!daemon_->daemon) {
    const int error = errno != 0 ? errno : ENOMEM;
    ::close(given);
    throw base::SystemError(error, fmt::format("serve HTTP on {}", address));
  }
  daemon_->epoll_fd = MHD_get_daemon_info(daemon_->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
  loop.watch(daemon_->epoll_fd, EPOLLIN, [daemon = daemon_.get()](uint32_t) { daemon->run(); });
}

StatusServer::~StatusServer() = default;

}  // namespace flanneld
