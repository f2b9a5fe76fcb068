#include "flanneld/io/listen_address.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "common/base/error.h"

namespace flanneld {

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

std::optional<base::IpAddress> address_of(const sockaddr_storage& from) {
  if (from.ss_family == AF_INET)
    return base::IpAddress::from_bytes(&reinterpret_cast<const sockaddr_in&>(from).sin_addr, sizeof(in_addr));
  if (from.ss_family == AF_INET6)
    return base::IpAddress::from_bytes(&reinterpret_cast<const sockaddr_in6&>(from).sin6_addr,
                                       sizeof(in6_addr));
  return std::nullopt;
}

}  // namespace flanneld
