#include "flanneld/io/http_get.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <string_view>

#include "common/base/error.h"
#include "common/base/unique_fd.h"

namespace flanneld {
namespace {

constexpr int kTimeoutMilliseconds = 2000;
constexpr size_t kMaxReply = 64 << 10;

/// Connected, or an errno.
int try_connect(const addrinfo& address, base::UniqueFd& fd) {
  fd.reset(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return errno;
  if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd writable{fd.get(), POLLOUT, 0};
  if (::poll(&writable, 1, kTimeoutMilliseconds) <= 0) return ETIMEDOUT;
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

/// The first address that answers.
std::optional<std::string> open_connection(const Endpoint& endpoint, base::UniqueFd& fd) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  const int failed =
      ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
  if (failed != 0) return std::string("look up '") + endpoint.host + "': " + ::gai_strerror(failed);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, &::freeaddrinfo);
  int error = EADDRNOTAVAIL;
  for (const addrinfo* one = found; one; one = one->ai_next) {
    error = try_connect(*one, fd);
    if (error == 0) return std::nullopt;
  }
  return base::errno_text(error);
}

}  // namespace

std::optional<Endpoint> parse_endpoint(const std::string& url) {
  std::string_view text = url;
  Endpoint endpoint;
  if (text.starts_with("http://")) {
    endpoint.port = 80;
  } else if (text.starts_with("https://")) {
    endpoint.port = 443;
  } else {
    return std::nullopt;
  }
  text.remove_prefix(text.find("//") + 2);
  text = text.substr(0, text.find('/'));
  const size_t bracket = text.starts_with('[') ? text.find(']') : std::string_view::npos;
  const size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  const std::string_view host = text.substr(0, colon);
  endpoint.host = bracket == std::string_view::npos ? host : host.substr(1, bracket - 1);
  if (endpoint.host.empty()) return std::nullopt;
  if (colon == std::string_view::npos) return endpoint;
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (error != std::errc{} || end != port.data() + port.size() || endpoint.port == 0) return std::nullopt;
  return endpoint;
}

std::optional<std::string> connect_failure(const Endpoint& endpoint) {
  base::UniqueFd fd;
  return open_connection(endpoint, fd);
}

std::optional<HttpReply> http_get(const Endpoint& endpoint, const std::string& path) {
  base::UniqueFd fd;
  if (open_connection(endpoint, fd)) return std::nullopt;
  const std::string request = "GET " + path + " HTTP/1.0\r\nHost: flanneld\r\n\r\n";
  // So few bytes fit into the socket's buffer at once.
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
    return std::nullopt;
  std::string text;
  while (text.size() < kMaxReply) {
    pollfd readable{fd.get(), POLLIN, 0};
    if (::poll(&readable, 1, kTimeoutMilliseconds) <= 0) return std::nullopt;
    std::array<char, 4096> buffer;
    const ssize_t received = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (received <= 0) break;
    text.append(buffer.data(), static_cast<size_t>(received));
  }
  HttpReply reply;
  const size_t space = text.find(' '), end = text.find("\r\n\r\n");
  if (!text.starts_with("HTTP/") || space == std::string::npos || end == std::string::npos)
    return std::nullopt;
  std::from_chars(text.data() + space + 1, text.data() + text.size(), reply.status);
  reply.body = text.substr(end + 4);
  return reply;
}

}  // namespace flanneld
