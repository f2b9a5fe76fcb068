#include "common/netlink/socket.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace netlink {
namespace {

constexpr size_t kReceiveBytes = 32768;  // the kernel never puts more into one part of a dump
constexpr int kMaxDumpTries = 20;
constexpr int kMaxReads = 1024;  // of notifications at a time
// A refusal takes up to 1.5 kB of the receive buffer, which by default has 208 kB, as has the send buffer.
constexpr size_t kMostPacked = 128;
constexpr size_t kSendBytes = 64 << 10;

sockaddr_nl kernel_address() {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  return address;
}

/// The text of an NLMSG_ERROR message (include/uapi/linux/netlink.h, NLMSGERR_ATTR_MSG).
std::string extended_text(const nlmsghdr* header) {
  if (!(header->nlmsg_flags & NLM_F_ACK_TLVS)) return {};
  const auto* error = static_cast<const nlmsgerr*>(nlmsg_data(header));
  size_t skip = sizeof *error;
  if (!(header->nlmsg_flags & NLM_F_CAPPED)) skip += error->msg.nlmsg_len - sizeof(nlmsghdr);
  return Attributes::of(header, skip).string(NLMSGERR_ATTR_MSG);
}

/// The errno of an NLMSG_ERROR or NLMSG_DONE message.
int error_of(const nlmsghdr* header) {
  if (header->nlmsg_len >= NLMSG_LENGTH(sizeof(int))) return -*static_cast<const int*>(nlmsg_data(header));
  return header->nlmsg_type == NLMSG_DONE ? 0 : EBADMSG;
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

NetlinkSocket NetlinkSocket::open_subscribed(int protocol, unsigned group) {
  NetlinkSocket socket = open(protocol);
  const sockaddr_nl address = kernel_address();
  if (::bind(socket.fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    base::throw_errno("bind netlink socket");
  socket.subscribe(group);
  return socket;
}

void NetlinkSocket::subscribe(unsigned group) {
  if (::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
    base::throw_errno("join netlink multicast group");
}

void NetlinkSocket::filter(std::vector<sock_filter> program) {
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (::setsockopt(fd_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0)
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_DETACH_FILTER, nullptr, 0);
}

// Both: without privileges for more, as much as anybody may have.
void NetlinkSocket::enlarge_receive_buffer(int bytes) {
  if (::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

void NetlinkSocket::enlarge_send_buffer(size_t length) {
  const int bytes = static_cast<int>(length);
  if (::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0)
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
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
  nlmsghdr* header = message.raw();
  header->nlmsg_seq = ++sequence_;
  send({reinterpret_cast<const char*>(header), header->nlmsg_len}, doing);
}

void NetlinkSocket::send(std::string_view bytes, const std::string& doing) {
  const sockaddr_nl address = kernel_address();
  while (::sendto(fd_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&address),
                  sizeof address) < 0)
    if (errno != EINTR) base::throw_errno(fmt::format("{}: send netlink request", doing));
}

bool NetlinkSocket::receive(int flags, const Take& take, bool& ended) {
  alignas(nlmsghdr) std::array<char, kReceiveBytes> buffer;
  ssize_t received = -1;
  do received = ::recv(fd_.get(), buffer.data(), buffer.size(), flags | MSG_TRUNC);
  while (received < 0 && errno == EINTR);
  if (received < 0) return false;
  if (static_cast<size_t>(received) > buffer.size()) {
    errno = EMSGSIZE;  // a part of it is lost
    return false;
  }
  auto length = static_cast<int>(received);
  for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data()); !ended && nlmsg_ok(header, length);
       header = nlmsg_next(header, &length))
    ended = take(header);
  return true;
}

void NetlinkSocket::receive_until(const Take& take, const std::string& doing) {
  for (bool ended = false; !ended;)
    if (!receive(0, take, ended)) base::throw_errno(fmt::format("{}: receive netlink answer", doing));
}

NetlinkSocket::Answer NetlinkSocket::exchange(const Message& message, const Visitor& visit,
                                              const std::string& doing) {
  send(message, doing);
  Answer answer;
  const auto take = [&](const nlmsghdr* header) {
    if (header->nlmsg_seq != sequence_) return false;  // the tail of an exchange that was given up
    if (header->nlmsg_flags & NLM_F_DUMP_INTR) answer.interrupted = true;
    if (header->nlmsg_type != NLMSG_ERROR && header->nlmsg_type != NLMSG_DONE) {
      if (visit) visit(header);
      return false;
    }
    answer.error_number = error_of(header);
    if (header->nlmsg_type == NLMSG_ERROR) answer.kernel_text = extended_text(header);
    return true;
  };
  receive_until(take, doing);
  return answer;
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
  receive_until(take, doing);
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

std::optional<NetlinkSocket::Refusal> NetlinkSocket::send_batch(PackedRequests& batch,
                                                                const std::string& doing) {
  if (batch.count() < 3) return std::nullopt;  // nothing in the frame
  const size_t bytes = batch.bytes(0, batch.count()).size();
  if (bytes > kSendBytes) enlarge_send_buffer(bytes);
  // The kernel answers a refused message anyway. One acknowledgement for each of a thousand messages would
  // not fit into the receive buffer.
  const size_t last = batch.count() - 2;
  batch.at(last)->nlmsg_flags |= NLM_F_ACK;
  std::vector<Refusal> refusals;
  exchange_packed(batch, 0, batch.count(), last, doing, refusals);
  if (refusals.empty()) return std::nullopt;
  return std::move(refusals.front());
}

std::vector<NetlinkSocket::Refusal> NetlinkSocket::send_packed(PackedRequests& requests,
                                                               const std::string& doing) {
  std::vector<Refusal> refusals;
  for (size_t first = 0, end = 0; first < requests.count(); first = end) {
    end = first + 1;
    while (end < requests.count() && end - first < kMostPacked &&
           requests.bytes(first, end + 1).size() <= kSendBytes)
      ++end;
    requests.at(end - 1)->nlmsg_flags |= NLM_F_ACK;
    exchange_packed(requests, first, end, end - 1, doing, refusals);
  }
  return refusals;
}

void NetlinkSocket::exchange_packed(PackedRequests& requests, size_t first, size_t end, size_t acknowledged,
                                    const std::string& doing, std::vector<Refusal>& refusals) {
  const uint32_t first_sequence = sequence_ + 1;
  for (size_t place = first; place < end; ++place) requests.at(place)->nlmsg_seq = ++sequence_;
  send(requests.bytes(first, end), doing);

  const size_t refused_before = refusals.size();
  const bool is_batch = acknowledged != end - 1;
  const auto take = [&](const nlmsghdr* header) {
    const size_t place = first + (header->nlmsg_seq - first_sequence);
    if (header->nlmsg_type != NLMSG_ERROR || place >= end) return false;
    const int error = error_of(header);
    if (error != 0) refusals.push_back({place, error, extended_text(header)});
    // A batch whose frame is refused gets no other answer.
    return place == acknowledged || (is_batch && place == first && error != 0);
  };
  // The kernel has answered when send() returns: there is nothing to wait for.
  bool overflowed = false;  // more refusals than the receive buffer holds; the first ones are in it
  for (bool ended = false; !ended;) {
    if (receive(MSG_DONTWAIT, take, ended)) continue;
    const int error = errno;
    const bool knows_cause = is_batch && refusals.size() > refused_before;
    if (error == EAGAIN && overflowed && knows_cause) return;
    if (error != ENOBUFS)
      throw base::SystemError(overflowed ? ENOBUFS : error,
                              fmt::format("{}: receive netlink answers", doing));
    overflowed = true;
  }
}

bool NetlinkSocket::drain_notifications(const Visitor& visit) {
  const auto take = [&](const nlmsghdr* header) {
    visit(header);
    return false;
  };
  bool complete = true;
  for (int reads = 0; reads < kMaxReads; ++reads) {
    bool ended = false;
    if (receive(MSG_DONTWAIT, take, ended)) continue;
    if (errno == EAGAIN) break;
    if (errno != ENOBUFS && errno != EMSGSIZE) base::throw_errno("receive netlink notifications");
    complete = false;
  }
  return complete;
}

void NetlinkSocket::wait_notification(const base::Deadline& deadline) {
  pollfd readable{fd_.get(), POLLIN, 0};
  if (::poll(&readable, 1, deadline.milliseconds_left()) <= 0) return;
  bool ended = false;
  receive(
      MSG_DONTWAIT, [](const nlmsghdr*) { return true; }, ended);
}

}  // namespace netlink
