#include "flanneld/udp/tunnel.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <csignal>
#include <cstring>
#include <system_error>

#include "common/base/error.h"
#include "common/netlink/tun.h"
#include "flanneld/udp/tunnel_lanes.h"

namespace flanneld {
namespace {

constexpr int kBufferBytes = 4 << 20;
constexpr timeval kSendLimit{.tv_sec = 0, .tv_usec = 100'000};

base::UniqueFd make_event() {
  base::UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd.valid()) base::throw_errno("create an event descriptor");
  return fd;
}

template <class Value>
void set(int fd, int level, int option, const Value& value) {
  ::setsockopt(fd, level, option, &value, sizeof value);  // what a kernel lacks is done without
}

base::UniqueFd listen_at(const UdpTunnelSpec& spec) {
  const std::string doing = fmt::format("receive packets of other nodes at {}:{}", spec.local, spec.port);
  base::UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) base::throw_errno(doing);
  set(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, kBufferBytes);
  set(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, kBufferBytes);
  set(fd.get(), SOL_SOCKET, SO_SNDTIMEO, kSendLimit);
  set(fd.get(), IPPROTO_UDP, UDP_GRO, 1);
  // As other tunnels do: what a network on the way cannot take whole is cut there.
  set(fd.get(), IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(spec.port);
  std::memcpy(&address.sin_addr, spec.local.data(), sizeof address.sin_addr);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    base::throw_errno(doing);
  return fd;
}

/// Signals are for the event loop's thread.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

UdpTunnel::UdpTunnel(const UdpTunnelSpec& spec)
    : spec_(spec),
      tun_(netlink::serve_tun(spec.device)),
      socket_(listen_at(spec)),
      stop_(make_event()),
      ended_(make_event()) {
  const SignalsBlocked blocked;
  try {
    out_ = std::thread([this] { run(Lane::out); });
    in_ = std::thread([this] { run(Lane::in); });
  } catch (const std::system_error& error) {
    stop();
    throw base::SystemError(error.code().value(), "start a thread for the packets of pods");
  }
}

UdpTunnel::~UdpTunnel() { stop(); }

void UdpTunnel::stop() {
  stops_ = true;
  ::eventfd_write(stop_.get(), 1);
  for (std::thread* lane : {&out_, &in_})
    if (lane->joinable()) lane->join();
}

void UdpTunnel::set_peers(PeerTable peers) {
  auto table = std::make_shared<const PeerTable>(std::move(peers));
  const std::lock_guard lock(mutex_);
  peers_.swap(table);
}

std::shared_ptr<const PeerTable> UdpTunnel::peers() const {
  const std::lock_guard lock(mutex_);
  return peers_;
}

bool UdpTunnel::wait(int fd) const {
  std::array<pollfd, 2> both{pollfd{.fd = fd, .events = POLLIN, .revents = 0},
                             pollfd{.fd = stop_.get(), .events = POLLIN, .revents = 0}};
  while (!stops_)
    if (::poll(both.data(), both.size(), -1) > 0 && both[0].revents != 0) return true;
  return false;
}

void UdpTunnel::run(Lane lane) {
  if (lane == Lane::in) {
    Receiver receiver(*this);
    while (wait(socket_.get())) receiver.run();
    return;
  }
  Sender sender(*this);
  while (wait(tun_.get()))
    if (!sender.run()) {
      ::eventfd_write(ended_.get(), 1);
      return;
    }
}

UdpCounters UdpTunnel::counters() const {
  const Counters& now = counters_;
  return {.sent = now.sent,
          .received = now.received,
          .sent_bytes = now.sent_bytes,
          .received_bytes = now.received_bytes,
          .no_node = now.no_node,
          .stranger = now.stranger,
          .forged = now.forged,
          .malformed = now.malformed,
          .unsent = now.unsent};
}

}  // namespace flanneld
