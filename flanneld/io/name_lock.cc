#include "flanneld/io/name_lock.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/base/printable.h"
#include "common/base/text.h"

namespace flanneld {

using std::chrono::milliseconds;

namespace {

constexpr int kNames = 3;  // each: a stranger may have taken one
constexpr int kBacklog = 16;
constexpr size_t kMaxGuests = 16, kMaxDescription = 2000, kMaxStatusBytes = 64 << 10;
constexpr milliseconds kSoon{100}, kAgain{1000};

struct Address {
  sockaddr_un name{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
};

/// Abstract: it begins with a zero byte.
Address address_of(const std::string& name) {
  Address address;
  address.name.sun_family = AF_UNIX;
  const std::string text = name.size() < sizeof address.name.sun_path
                               ? name
                               : fmt::format("flanneld {:016x}", base::fnv1a_64(name));
  std::memcpy(address.name.sun_path + 1, text.data(), text.size());
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  return address;
}

std::string numbered(const std::string& name, int number) {
  return number == 0 ? name : fmt::format("{} {}", name, number);
}

base::UniqueFd make_socket() {
  base::UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) base::throw_errno("make a Unix socket");
  return fd;
}

/// Whether a process lacks the right to change the network, as far as it can be seen.
bool lacks_net_admin(pid_t pid) {
  try {
    const std::string text =
        base::read_file(fmt::format("/proc/{}/status", pid), kMaxStatusBytes).value_or(std::string());
    for (const std::string_view line : base::split(text, '\n')) {
      if (!line.starts_with("CapEff:")) continue;
      const std::string_view digits = base::trimmed(line.substr(7));
      uint64_t capabilities = 0;
      std::from_chars(digits.data(), digits.data() + digits.size(), capabilities, 16);
      return (capabilities >> CAP_NET_ADMIN & 1) == 0;
    }
  } catch (const base::SystemError&) {
    return false;
  }
  return false;
}

/// Who is at the other end; nullopt: nobody who could do what this process does.
std::optional<pid_t> trusted_peer(int fd) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
  if (peer.uid != 0 && peer.uid != ::geteuid()) return std::nullopt;
  if (peer.pid > 0 && peer.pid != ::getpid() && lacks_net_admin(peer.pid)) return std::nullopt;
  return peer.pid;
}

/// What the other end says; nullopt: nothing yet. Empty: it has gone.
std::optional<std::string> receive(int fd) {
  std::array<char, kMaxDescription> buffer;
  const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  return n <= 0 ? std::string() : base::printable({buffer.data(), static_cast<size_t>(n)});
}

void tell(int fd, const std::string& description) {
  ::send(fd, description.data(), std::min(description.size(), kMaxDescription), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace

std::string NameLock::Party::str() const {
  const std::string process =
      pid > 0 ? fmt::format("process {}", pid) : "a process that cannot be seen from here";
  return description.empty() ? process : fmt::format("{}, {}", process, description);
}

NameLock::NameLock(EventLoop& loop, const std::string& name, std::string description, Events events)
    : loop_(loop),
      name_(fmt::format("flanneld {}", name)),
      description_(std::move(description)),
      events_(std::move(events)),
      again_(loop, [this] { take(); }) {}

NameLock::~NameLock() { drop_all(); }

void NameLock::drop_all() {
  for (const base::UniqueFd& fd : listening_) loop_.unwatch(fd.get());
  for (const Guest& guest : guests_) loop_.unwatch(guest.fd.get());
  if (holder_fd_.valid()) loop_.unwatch(holder_fd_.get());
}

void NameLock::take() {
  if (holder_fd_.valid()) return events_.waits(holder_);  // it has said nothing of itself for long
  if (is_taken_ || !bind_all()) return;
  is_taken_ = true;
  for (base::UniqueFd& one : listening_) {
    const int fd = one.get();
    loop_.watch(fd, EPOLLIN, [this, fd](uint32_t) { greet(fd); });
  }
  events_.taken();
}

/// Takes all names, so that whoever comes later meets at least one of them. False: one has a holder.
bool NameLock::bind_all() {
  listening_.clear();
  for (int number = 0; number < kNames; ++number) {
    const std::string name = numbered(name_, number);
    const Address address = address_of(name);
    base::UniqueFd fd = make_socket();
    if (::bind(fd.get(), address.get(), address.length) == 0) {
      if (::listen(fd.get(), kBacklog) != 0) base::throw_errno("listen on a Unix socket");
      listening_.push_back(std::move(fd));
      continue;
    }
    if (errno != EADDRINUSE) base::throw_errno(fmt::format("take the name {}", base::quoted(name)));
    const Found found = look_at_holder(name);
    if (found == Found::nobody) again_.start(kSoon);  // it has just gone, or does not listen yet
    if (found != Found::stranger) return false;
  }
  return true;
}

NameLock::Found NameLock::look_at_holder(const std::string& name) {
  const Address address = address_of(name);
  base::UniqueFd fd = make_socket();
  if (::connect(fd.get(), address.get(), address.length) != 0) {
    // Its queue is full: it has stood still for long.
    if (errno == EAGAIN) {
      again_.start(kAgain);
      events_.waits({});
      return Found::held;
    }
    return Found::nobody;
  }
  const auto pid = trusted_peer(fd.get());
  if (!pid) {
    if (!std::exchange(has_told_strangers_, true))
      base::log_warning(
          fmt::format("a process that is no agent has the name {} by which agents of this node notice each "
                      "other, ignoring",
                      base::quoted(name)));
    return Found::stranger;
  }
  tell(fd.get(), description_);
  holder_fd_ = std::move(fd);
  holder_ = {.pid = *pid, .description = {}};
  loop_.watch(holder_fd_.get(), EPOLLIN, [this](uint32_t) { follow_holder(); });
  again_.start(kAgain);
  return Found::held;
}

void NameLock::follow_holder() {
  const auto said = receive(holder_fd_.get());
  if (!said) return;
  if (said->empty()) return lose_holder();
  if (holder_.description == *said) return;
  holder_.description = *said;
  again_.cancel();
  events_.waits(holder_);
}

void NameLock::lose_holder() {
  loop_.unwatch(holder_fd_.get());
  holder_fd_.reset();
  again_.start(kSoon);  // not at once: one that only refuses to talk would be asked without end
}

void NameLock::greet(int listening) {
  base::UniqueFd fd(::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.valid()) return;
  const auto pid = trusted_peer(fd.get());
  if (!pid || guests_.size() >= kMaxGuests) return;
  tell(fd.get(), description_);
  const int number = fd.get();
  guests_.push_back({std::move(fd), {.pid = *pid, .description = {}}});
  loop_.watch(number, EPOLLIN, [this, number](uint32_t) { read_guest(number); });
}

void NameLock::read_guest(int fd) {
  const auto said = receive(fd);
  if (!said) return;
  if (said->empty()) return lose_guest(fd);
  for (Guest& guest : guests_)
    if (guest.fd.get() == fd) guest.party.description = *said;
  events_.waiters_changed();
}

void NameLock::lose_guest(int fd) {
  loop_.unwatch(fd);
  guests_.remove_if([fd](const Guest& guest) { return guest.fd.get() == fd; });
  events_.waiters_changed();
}

std::optional<NameLock::Party> NameLock::find_waiter() const {
  if (guests_.empty()) return std::nullopt;
  return guests_.front().party;
}

}  // namespace flanneld
