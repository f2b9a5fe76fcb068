#include "flanneld/probe/sockets.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/icmp.h>
#include <linux/ipv6.h>  // in6_pktinfo, where a kernel header came before netinet/in.h
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <vector>

#include "common/base/error.h"

namespace flanneld {
namespace {

using base::Family;

constexpr int kReadAtOnce = 256;
constexpr size_t kAnswerBytes = 256;  // of a longer one the beginning tells all
constexpr uint32_t kAll = UINT32_MAX;

sockaddr_storage to_sockaddr(const base::IpAddress& address, uint16_t port, socklen_t& length) {
  sockaddr_storage storage{};
  if (address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.data(), sizeof v4.sin_addr);
    std::memcpy(&storage, &v4, length = sizeof v4);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, address.data(), sizeof v6.sin6_addr);
    std::memcpy(&storage, &v6, length = sizeof v6);
  }
  return storage;
}

std::optional<base::IpAddress> address_of(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET)
    return base::IpAddress::from_bytes(&reinterpret_cast<const sockaddr_in&>(storage).sin_addr, 4);
  if (storage.ss_family == AF_INET6)
    return base::IpAddress::from_bytes(&reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr, 16);
  return std::nullopt;
}

template <class Value>
void set(const base::UniqueFd& fd, int level, int name, const Value& value) {
  if (::setsockopt(fd.get(), level, name, &value, sizeof value) != 0)
    base::throw_errno("set up a socket for peer probes");
}

void attach(const base::UniqueFd& fd, std::span<sock_filter> program) {
  set(fd, SOL_SOCKET, SO_ATTACH_FILTER,
      sock_fprog{.len = static_cast<unsigned short>(program.size()), .filter = program.data()});
}

base::UniqueFd open_socket(Family family, int type, int protocol) {
  base::UniqueFd fd(::socket(base::af(family), type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!fd.valid()) base::throw_errno("open a socket for peer probes");
  return fd;
}

/// Nobody reads from it, so it takes nothing.
void take_nothing(const base::UniqueFd& fd) {
  std::array program{sock_filter(BPF_STMT(BPF_RET | BPF_K, 0))};
  attach(fd, program);
}

/// Where in what a raw socket receives the parts of answers are. Offsets count from the ICMP header.
struct AnswerLayout {
  sock_filter header;             ///< makes X the length of what is in front
  uint8_t reply;                  ///< the type of an echo reply; take_types() leaves that and errors
  uint8_t version_mask, version;  ///< of the first byte of the packet that an error quotes
  uint8_t protocol, id,
      port;  ///< in the quoted packet: its protocol, the echo's id, the UDP port it came from
};
constexpr AnswerLayout kAnswerV4{.header = BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
                                 .reply = ICMP_ECHOREPLY,
                                 .version_mask = 0xff,
                                 .version = 0x45,
                                 .protocol = 8 + 9,
                                 .id = 8 + 20 + 4,
                                 .port = 8 + 20};
constexpr AnswerLayout kAnswerV6{.header = BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 0),
                                 .reply = ICMP6_ECHO_REPLY,
                                 .version_mask = 0xf0,
                                 .version = 0x60,
                                 .protocol = 8 + 6,
                                 .id = 8 + 40 + 4,
                                 .port = 8 + 40};

/// Lets through answers to `id` and errors that quote it, or datagrams from `port` (the comments count the
/// instructions).
void take_answers(const base::UniqueFd& fd, const AnswerLayout& at, uint16_t id, uint16_t port) {
  std::array program{at.header,                                                            // 0
                     sock_filter(BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0)),                   // 1: type
                     sock_filter(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, at.reply, 0, 2)),     // 2
                     sock_filter(BPF_STMT(BPF_LD | BPF_H | BPF_IND, 4)),                   // 3
                     sock_filter(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, id, 9, 10)),          // 4
                     sock_filter(BPF_STMT(BPF_LD | BPF_B | BPF_IND, 8)),                   // 5: quoted header
                     sock_filter(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, at.version_mask)),    // 6
                     sock_filter(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, at.version, 0, 7)),   // 7
                     sock_filter(BPF_STMT(BPF_LD | BPF_B | BPF_IND, at.protocol)),         // 8
                     sock_filter(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 2, 0)),  // 9
                     sock_filter(BPF_STMT(BPF_LD | BPF_H | BPF_IND, at.id)),               // 10
                     sock_filter(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, id, 2, 3)),           // 11
                     sock_filter(BPF_STMT(BPF_LD | BPF_H | BPF_IND, at.port)),             // 12
                     sock_filter(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 1)),         // 13
                     sock_filter(BPF_STMT(BPF_RET | BPF_K, kAll)),                         // 14
                     sock_filter(BPF_STMT(BPF_RET | BPF_K, 0))};                           // 15
  attach(fd, program);
}

/// Of all other types the kernel does not even make a copy.
void take_types(const base::UniqueFd& fd, Family family) {
  if (family == Family::v4) {
    icmp_filter filter{};
    filter.data = ~(1U << ICMP_ECHOREPLY | 1U << ICMP_DEST_UNREACH | 1U << ICMP_TIME_EXCEEDED);
    return set(fd, SOL_RAW, ICMP_FILTER, filter);
  }
  icmp6_filter filter;
  ICMP6_FILTER_SETBLOCKALL(&filter);
  for (const int type : {ICMP6_ECHO_REPLY, ICMP6_DST_UNREACH, ICMP6_TIME_EXCEEDED, ICMP6_PACKET_TOO_BIG})
    ICMP6_FILTER_SETPASS(type, &filter);
  set(fd, IPPROTO_ICMPV6, ICMP6_FILTER, filter);
}

/// Each packet is tried at its full size, whatever the kernel has learned of the way.
void fragment_nothing(const base::UniqueFd& fd, Family family) {
  if (family == Family::v4) return set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
  set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
  set(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
}

base::UniqueFd open_icmp(Family family) {
  base::UniqueFd fd =
      open_socket(family, SOCK_RAW, family == Family::v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6});
  take_nothing(fd);  // until it is known what
  take_types(fd, family);
  fragment_nothing(fd, family);
  return fd;
}

base::UniqueFd open_udp(Family family) {
  base::UniqueFd fd = open_socket(family, SOCK_DGRAM, 0);
  take_nothing(fd);
  fragment_nothing(fd, family);
  if (family == Family::v6) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  sockaddr_storage any{};
  any.ss_family = static_cast<sa_family_t>(base::af(family));
  const socklen_t length = family == Family::v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), length) != 0)
    base::throw_errno("bind a socket for peer probes");
  return fd;
}

/// For one packet: such a socket would get a copy of each datagram that the node receives.
base::UniqueFd open_plain(Family family) {
  base::UniqueFd fd = open_socket(family, SOCK_RAW, IPPROTO_UDP);
  take_nothing(fd);
  if (family == Family::v6) set(fd, IPPROTO_IPV6, IPV6_CHECKSUM, 6);  // the kernel's, not the interface's
  return fd;
}

uint16_t port_of(const base::UniqueFd& fd) {
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &length) != 0)
    base::throw_errno("read the port of a socket for peer probes");
  return ntohs(bound.ss_family == AF_INET ? reinterpret_cast<const sockaddr_in&>(bound).sin_port
                                          : reinterpret_cast<const sockaddr_in6&>(bound).sin6_port);
}

/// What a packet has beside its bytes: a source address and a hop limit.
class Control {
 public:
  void add_source(const base::IpAddress& source) {
    if (source.is_v4()) {
      in_pktinfo info{};
      std::memcpy(&info.ipi_spec_dst, source.data(), sizeof info.ipi_spec_dst);
      return add(IPPROTO_IP, IP_PKTINFO, info);
    }
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, source.data(), sizeof info.ipi6_addr);
    add(IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
  void add_hop_limit(Family family, int limit) {
    if (family == Family::v4)
      add(IPPROTO_IP, IP_TTL, limit);
    else
      add(IPPROTO_IPV6, IPV6_HOPLIMIT, limit);
  }
  void put_into(msghdr& message) {
    message.msg_control = used_ == 0 ? nullptr : buffer_.data();
    message.msg_controllen = used_;
  }

 private:
  template <class Value>
  void add(int level, int type, const Value& value) {
    cmsghdr header{};
    header.cmsg_len = CMSG_LEN(sizeof value);
    header.cmsg_level = level;
    header.cmsg_type = type;
    std::memcpy(buffer_.data() + used_, &header, sizeof header);
    std::memcpy(buffer_.data() + used_ + CMSG_LEN(0), &value, sizeof value);
    used_ += CMSG_SPACE(sizeof value);
  }

  alignas(cmsghdr) std::array<uint8_t, 128> buffer_{};
  size_t used_ = 0;
};

}  // namespace

uint64_t make_cookie() {
  uint64_t cookie = 0;
  if (::getrandom(&cookie, sizeof cookie, 0) != sizeof cookie) base::throw_errno("make a random number");
  return cookie;
}

ProbeSockets::ProbeSockets(Family family)
    : family_(family),
      id_(static_cast<uint16_t>(make_cookie())),
      icmp_(open_icmp(family)),
      udp_(open_udp(family)),
      udp_port_(port_of(udp_)) {
  take_answers(icmp_, family == Family::v4 ? kAnswerV4 : kAnswerV6, id_, udp_port_);
}

int ProbeSockets::send_from(const ProbeTarget& target, ProbeMeans means, const std::vector<uint8_t>& bytes,
                            bool from_source) {
  socklen_t length = 0;
  const bool is_beside = means == ProbeMeans::node_echo && target.fallback;
  sockaddr_storage to = to_sockaddr(is_beside ? *target.fallback : target.address,
                                    means == ProbeMeans::udp ? kProbePort : 0, length);
  iovec part{.iov_base = const_cast<uint8_t*>(bytes.data()), .iov_len = bytes.size()};
  Control control;
  if (from_source) control.add_source(target.source);
  if (target.hop_limit != 0) control.add_hop_limit(family_, target.hop_limit);
  msghdr message{};
  message.msg_name = &to;
  message.msg_namelen = length;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  control.put_into(message);
  const base::UniqueFd plain = means == ProbeMeans::plain_udp ? open_plain(family_) : base::UniqueFd();
  const int fd = plain.valid() ? plain.get() : means == ProbeMeans::udp ? udp_.get() : icmp_.get();
  return ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

int ProbeSockets::send(const ProbeTarget& target, ProbeMeans means, uint32_t size, uint64_t cookie) {
  try {
    const std::vector<uint8_t> bytes = means == ProbeMeans::udp ? make_datagram(family_, cookie, size)
                                       : means == ProbeMeans::plain_udp
                                           ? make_plain_datagram(family_, udp_port_, cookie, size)
                                           : make_echo_request(family_, id_, cookie, size);
    const int error = send_from(target, means, bytes, means != ProbeMeans::node_echo);
    const bool may_lack_source =
        error == EINVAL || error == EADDRNOTAVAIL || error == ENETUNREACH;  // by kernel
    return may_lack_source ? send_from(target, means, bytes, false) : error;
  } catch (const base::SystemError& error) {
    return error.error_number();
  }
}

void ProbeSockets::receive(const std::function<void(const ProbeAnswer&)>& take) {
  for (int i = 0; i < kReadAtOnce; ++i) {
    std::array<uint8_t, kAnswerBytes> bytes;
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    const ssize_t size = ::recvfrom(icmp_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT,
                                    reinterpret_cast<sockaddr*>(&from), &length);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return;
    const auto sender = address_of(from);
    if (!sender) continue;
    if (const auto answer =
            parse_probe_answer(family_, *sender, id_, udp_port_, bytes.data(), static_cast<size_t>(size)))
      take(*answer);
  }
}

}  // namespace flanneld
