#include "common/netlink/socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace netlink {
namespace {

constexpr size_t kReceiveBytes = 32768;  // the kernel never puts more into one part of a dump
constexpr int kMaxDumpTries = 20;
constexpr size_t kMostPacked = 256;  // in one message: so many refusals fit into the default receive buffer

sockaddr_nl kernel_address() {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  return address;
}

const Message& sequenced(const Message& message, uint32_t sequence) {
  message.raw()->nlmsg_seq = sequence;
  return message;
}

/// The text and errno of an NLMSG_ERROR message (include/uapi/linux/netlink.h, NLMSGERR_ATTR_MSG).
std::string extended_text(const nlmsghdr* header) {
  if (!(header->nlmsg_flags & NLM_F_ACK_TLVS)) return {};
  const auto* error = static_cast<const nlmsgerr*>(nlmsg_data(header));
  size_t skip = sizeof *error;
  if (!(header->nlmsg_flags & NLM_F_CAPPED)) skip += error->msg.nlmsg_len - sizeof(nlmsghdr);
  return Attributes::of(header, skip).string(NLMSGERR_ATTR_MSG);
}

int error_of(const nlmsghdr* header) {
  if (header->nlmsg_len < NLMSG_LENGTH(sizeof(int))) return EBADMSG;
  return -static_cast<const nlmsgerr*>(nlmsg_data(header))->error;
}

base::UniqueFd open_socket(int protocol) {
  base::UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!fd.valid()) base::throw_errno("open netlink socket");
  // Without these the kernel is terser and dumps are unfiltered, but all still works: no check.
  const int on = 1;
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  return fd;
}

}  // namespace

NetlinkSocket NetlinkSocket::open(int protocol) { return NetlinkSocket(open_socket(protocol)); }

NetlinkSocket NetlinkSocket::open_in(const Netns& netns, int protocol) {
  const NetnsScope inside = netns.enter();
  return open(protocol);
}

NetlinkSocket NetlinkSocket::open_subscribed(unsigned group) {
  NetlinkSocket socket = open();
  sockaddr_nl address = kernel_address();
  if (::bind(socket.fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    base::throw_errno("bind netlink socket");
  socket.subscribe(group);
  return socket;
}

void NetlinkSocket::subscribe(unsigned group) {
  if (::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
    base::throw_errno("join netlink multicast group");
}

void NetlinkSocket::enlarge_receive_buffer(int bytes) {
  if (::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);  // as much as anybody may have
}

uint32_t NetlinkSocket::port_id() {
  sockaddr_nl address = kernel_address();
  socklen_t length = sizeof address;
  for (int tries = 0; tries < 2; ++tries) {
    if (::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
      base::throw_errno("read the port of a netlink socket");
    if (address.nl_pid != 0) break;
    // Unbound so far: the kernel chooses a number.
    if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      base::throw_errno("bind netlink socket");
  }
  return address.nl_pid;
}

void NetlinkSocket::send(const Message& message, const std::string& doing) {
  const nlmsghdr* header = sequenced(message, ++sequence_).raw();
  const sockaddr_nl address = kernel_address();
  while (::sendto(fd_.get(), header, header->nlmsg_len, 0, reinterpret_cast<const sockaddr*>(&address),
                  sizeof address) < 0)
    if (errno != EINTR) base::throw_errno(doing + ": send netlink request");
}

void NetlinkSocket::receive_until(const std::function<bool(const nlmsghdr*)>& is_last,
                                  const std::string& doing) {
  alignas(nlmsghdr) std::array<char, kReceiveBytes> buffer;
  for (;;) {
    const ssize_t received = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) base::throw_errno(doing);
    auto length = static_cast<int>(received);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data()); nlmsg_ok(header, length);
         header = nlmsg_next(header, &length))
      if (is_last(header)) return;
  }
}

NetlinkSocket::Answer NetlinkSocket::receive(const Visitor& visit, const std::string& doing) {
  Answer answer;
  const auto take = [&](const nlmsghdr* header) {
    if (header->nlmsg_seq != sequence_) return false;  // the tail of an exchange that was given up
    if (header->nlmsg_flags & NLM_F_DUMP_INTR) answer.interrupted = true;
    if (header->nlmsg_type != NLMSG_ERROR && header->nlmsg_type != NLMSG_DONE) {
      if (visit) visit(header);
      return false;
    }
    const bool has_code = header->nlmsg_len >= NLMSG_LENGTH(sizeof(int));
    answer.error_number = header->nlmsg_type == NLMSG_ERROR ? error_of(header)
                          : has_code                        ? -*static_cast<const int*>(nlmsg_data(header))
                                                            : 0;
    if (header->nlmsg_type == NLMSG_ERROR) answer.kernel_text = extended_text(header);
    return true;
  };
  receive_until(take, doing + ": receive netlink answer");
  return answer;
}

NetlinkSocket::Answer NetlinkSocket::exchange(const Message& message, const Visitor& visit,
                                              const std::string& doing) {
  send(message, doing);
  return receive(visit, doing);
}

void NetlinkSocket::request(const Message& message, const std::string& doing) {
  request_unless(0, message, doing);
}

bool NetlinkSocket::request_unless(int expected, const Message& message, const std::string& doing) {
  message.raw()->nlmsg_flags |= NLM_F_ACK;
  const Answer answer = exchange(message, nullptr, doing);
  if (answer.error_number == 0) return true;
  if (answer.error_number == expected) return false;
  throw NetlinkError(answer.error_number, doing, answer.kernel_text);
}

bool NetlinkSocket::get(const Message& message, const std::string& doing, const Visitor& visit) {
  send(message, doing);
  Answer answer;
  const auto take = [&](const nlmsghdr* header) {  // one message: the object or an error
    if (header->nlmsg_seq != sequence_) return false;
    if (header->nlmsg_type == NLMSG_ERROR)
      answer = {error_of(header), false, extended_text(header)};
    else
      visit(header);
    return true;
  };
  receive_until(take, doing + ": receive netlink answer");
  if (answer.error_number == 0) return true;
  if (answer.error_number == ENODEV || answer.error_number == ENOENT) return false;
  throw NetlinkError(answer.error_number, doing, answer.kernel_text);
}

void NetlinkSocket::dump(const Message& message, const std::string& doing,
                         const std::function<void()>& restart, const Visitor& visit) {
  message.raw()->nlmsg_flags |= NLM_F_DUMP;
  for (int tries = 0; tries < kMaxDumpTries; ++tries) {
    restart();
    const Answer answer = exchange(message, visit, doing);
    if (answer.error_number != 0) throw NetlinkError(answer.error_number, doing, answer.kernel_text);
    if (!answer.interrupted) return;
  }
  throw NetlinkError(EAGAIN, doing, "the list changed each time while it was read");
}

NetlinkSocket::BatchResult NetlinkSocket::send_batch(const std::vector<Message>& messages, size_t answers) {
  std::vector<iovec> parts;
  const uint32_t first = sequence_ + 1;
  for (const Message& message : messages) {
    nlmsghdr* header = sequenced(message, ++sequence_).raw();
    parts.push_back({header, header->nlmsg_len});
  }
  sockaddr_nl address = kernel_address();
  msghdr out{};
  out.msg_name = &address;
  out.msg_namelen = sizeof address;
  out.msg_iov = parts.data();
  out.msg_iovlen = parts.size();
  if (::sendmsg(fd_.get(), &out, 0) < 0) base::throw_errno("send netlink batch");

  BatchResult result;
  if (answers == 0) return result;
  const auto take = [&](const nlmsghdr* header) {
    if (header->nlmsg_type != NLMSG_ERROR || header->nlmsg_seq < first) return false;
    if (const int error = error_of(header); error != 0 && result.error_number == 0)
      result = {error, header->nlmsg_seq - first, extended_text(header)};
    // A refused frame (BATCH_BEGIN, say) is answered once and for all.
    return --answers == 0 || (result.error_number != 0 && header->nlmsg_seq == first);
  };
  receive_until(take, "receive netlink answers");
  return result;
}

std::vector<NetlinkSocket::Refusal> NetlinkSocket::send_packed(PackedRequests& requests,
                                                               const std::string& doing) {
  std::vector<Refusal> refusals;
  for (size_t first = 0; first < requests.count(); first += kMostPacked)
    send_portion(requests, first, std::min(first + kMostPacked, requests.count()), doing, refusals);
  return refusals;
}

void NetlinkSocket::send_portion(PackedRequests& requests, size_t first, size_t end, const std::string& doing,
                                 std::vector<Refusal>& refusals) {
  const uint32_t first_sequence = sequence_ + 1;
  for (size_t place = first; place < end; ++place) requests.at(place)->nlmsg_seq = ++sequence_;
  requests.at(end - 1)->nlmsg_flags |= NLM_F_ACK;
  const std::string_view bytes = requests.bytes(first, end);
  const sockaddr_nl address = kernel_address();
  while (::sendto(fd_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&address),
                  sizeof address) < 0)
    if (errno != EINTR) base::throw_errno(doing + ": send netlink requests");

  const auto take = [&](const nlmsghdr* header) {
    const size_t place = first + (header->nlmsg_seq - first_sequence);
    if (header->nlmsg_type != NLMSG_ERROR || place >= end) return false;
    if (const int error = error_of(header); error != 0)
      refusals.push_back({place, error, extended_text(header)});
    return place + 1 == end;
  };
  receive_until(take, doing + ": receive netlink answers");
}

bool NetlinkSocket::drain_notifications(const Visitor& visit) {
  alignas(nlmsghdr) std::array<char, kReceiveBytes> buffer;
  bool complete = true;
  for (;;) {
    const ssize_t received = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (received < 0) {
      if (errno == EAGAIN) return complete;
      if (errno != EINTR && errno != ENOBUFS) base::throw_errno("receive netlink notifications");
      if (errno == ENOBUFS) complete = false;
      continue;
    }
    auto length = static_cast<int>(received);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data()); nlmsg_ok(header, length);
         header = nlmsg_next(header, &length))
      visit(header);
  }
}

bool NetlinkSocket::wait_notification(int milliseconds) {
  pollfd readable{fd_.get(), POLLIN, 0};
  if (::poll(&readable, 1, milliseconds) <= 0) return false;
  std::array<char, kReceiveBytes> discarded;
  // ENOBUFS says that notifications were lost: reason enough to look again.
  return ::recv(fd_.get(), discarded.data(), discarded.size(), MSG_DONTWAIT) >= 0 || errno == ENOBUFS;
}

}  // namespace netlink
