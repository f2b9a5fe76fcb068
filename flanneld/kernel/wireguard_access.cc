#include "flanneld/kernel/wireguard_access.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/base/unique_fd.h"
#include "flanneld/kernel/wireguard_text.h"

namespace flanneld {
namespace {

using netlink::WireguardPeerChange;
using netlink::WireguardState;

constexpr timeval kAnswerLimit{.tv_sec = 2, .tv_usec = 0};

/// nullopt: no program serves the device.
std::optional<base::UniqueFd> connect_to(const std::string& name, const std::string& doing) {
  const std::string path = fmt::format("{}/{}.sock", WireguardAccess::kSocketDirectory, name);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) base::throw_errno(fmt::format("{}: open socket", doing));
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kAnswerLimit, sizeof kAnswerLimit);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kAnswerLimit, sizeof kAnswerLimit);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  if (errno == ENOENT || errno == ECONNREFUSED) return std::nullopt;  // the latter: one that has ended
  base::throw_errno(fmt::format("{}: connect to {}", doing, base::quoted(path)));
}

/// A program that has ended is no reason to end as well.
void send_all(int fd, std::string_view bytes, const std::string& doing) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) base::throw_errno(fmt::format("{}: send request", doing));
    if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

std::string receive_answer(int fd, const std::string& doing) {
  std::string answer;
  std::array<char, 16384> buffer;
  while (!is_whole_wireguard_answer(answer)) {
    const ssize_t received = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) base::throw_errno(fmt::format("{}: receive answer", doing));
    if (received == 0) throw base::SystemError(EPIPE, fmt::format("{}: receive answer", doing));
    answer.append(buffer.data(), static_cast<size_t>(received));
    if (answer.size() > kMaxWireguardAnswer)
      throw base::SystemError(EFBIG, fmt::format("{}: receive answer", doing));
  }
  return answer;
}

/// The errno that the program answers with; nullopt: there is no program.
std::optional<int> ask(const std::string& name, std::string_view request, const std::string& doing,
                       WireguardState& state) {
  const auto fd = connect_to(name, doing);
  if (!fd) return std::nullopt;
  send_all(fd->get(), request, doing);
  try {
    return parse_wireguard_answer(receive_answer(fd->get(), doing), state);
  } catch (const base::ParseError& error) {
    throw base::SystemError(EPROTO, fmt::format("{}: {}", doing, error.what()));
  }
}

/// The errno of a change.
int change(const std::string& name, std::string_view request, const std::string& doing) {
  WireguardState none;
  return ask(name, request, doing, none).value_or(ENODEV);
}

}  // namespace

std::string find_wireguard_program() {
  for (const char* dir : {"/usr/bin", "/usr/local/bin", "/usr/sbin", "/usr/local/sbin", "/bin"})
    if (std::string path = fmt::format("{}/{}", dir, kWireguardProgram); ::access(path.c_str(), X_OK) == 0)
      return path;
  return {};
}

std::optional<WireguardState> WireguardAccess::read(const std::string& name) {
  by_program_.erase(name);
  if (!kernel_) kernel_ = netlink::WireguardSocket::open();
  if (kernel_)
    if (auto state = kernel_->read(name)) return state;
  const std::string doing = fmt::format("read the device {} from its program", base::quoted(name));
  WireguardState state;
  const auto error = ask(name, kGetWireguard, doing, state);
  if (!error) return std::nullopt;
  if (*error != 0) throw base::SystemError(*error < 0 ? -*error : *error, doing);
  by_program_.insert(name);
  return state;
}

void WireguardAccess::configure(const std::string& name, const netlink::WireguardKey& private_key,
                                uint16_t port) {
  if (kernel_ && !by_program_.contains(name)) return kernel_->configure(name, private_key, port);
  const std::string doing = fmt::format("configure wireguard device {}", base::quoted(name));
  if (const int error = change(name, set_wireguard_text(private_key, port), doing); error != 0)
    throw base::SystemError(error < 0 ? -error : error, doing);
}

std::vector<netlink::Steps::Refusal> WireguardAccess::change_peers(
    const std::string& name, const std::vector<WireguardPeerChange>& changes) {
  if (kernel_ && !by_program_.contains(name)) return kernel_->change_peers(name, changes);
  const std::string doing = fmt::format("set the peers of {}", base::quoted(name));
  has_greeted_ = has_greeted_ || std::any_of(changes.begin(), changes.end(), is_greeted);
  std::vector<netlink::Steps::Refusal> refusals;
  if (changes.empty() || change(name, set_wireguard_text(changes), doing) == 0) return refusals;
  for (size_t i = 0; i < changes.size(); ++i) {  // it stops at the first that it refuses
    const int error = change(name, set_wireguard_text(std::vector{changes[i]}), doing);
    if (error != 0) refusals.push_back({i, netlink::NetlinkError(error < 0 ? -error : error, doing, "")});
  }
  return refusals;
}

}  // namespace flanneld
