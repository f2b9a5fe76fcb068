// A netlink socket: requests out, answers and the kernel's explanations in.
#pragma once

#include <linux/filter.h>
#include <linux/netlink.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/deadline.h"
#include "common/base/unique_fd.h"
#include "common/netlink/error.h"
#include "common/netlink/message.h"
#include "common/netlink/netns.h"

namespace netlink {

/// Stays in the network namespace it was opened in, wherever the process goes afterwards.
/// Serves one request at a time; not to be shared between threads. A request that the kernel refuses throws
/// NetlinkError, a socket that fails throws SystemError; `doing` says for both what was being done, to which
/// object.
class NetlinkSocket {
 public:
  using Visitor = std::function<void(const nlmsghdr*)>;

  static NetlinkSocket open(int protocol = NETLINK_ROUTE);
  static NetlinkSocket open_in(const Netns& netns, int protocol = NETLINK_ROUTE);
  /// Receives the notifications of a multicast group, such as RTNLGRP_LINK. Open it before you read the state
  /// that the notifications update.
  static NetlinkSocket open_subscribed(int protocol, unsigned group);

  /// Sends one request and waits for the kernel's acknowledgement.
  void request(const Message& message, const std::string& doing);

  /// Like request(), but returns false when the kernel answers with the errno `expected`.
  bool request_unless(int expected, const Message& message, const std::string& doing);

  /// Asks for one object and shows it to `visit`. False when the kernel has none (ENODEV or ENOENT).
  bool get(const Message& message, const std::string& doing, const Visitor& visit);

  /// Asks for a list and shows each of its objects. The kernel marks a list that changed while it was read;
  /// it is then read again, and `restart` is called before each attempt.
  void dump(const Message& message, const std::string& doing, const std::function<void()>& restart,
            const Visitor& visit);
  /// Like dump(), but returns what `parse` makes of the messages, without those it answers with nullopt.
  template <class Object>
  std::vector<Object> list(const Message& query, const std::string& doing,
                           std::optional<Object> (*parse)(const nlmsghdr*)) {
    std::vector<Object> objects;
    const auto keep = [&](const nlmsghdr* message) {
      if (auto object = parse(message)) objects.push_back(std::move(*object));
    };
    dump(
        query, doing, [&] { objects.clear(); }, keep);
    return objects;
  }

  /// A request that the kernel refused, by its place among those sent with it.
  struct Refusal {
    size_t place = 0;
    int error_number = 0;
    std::string kernel_text;
  };

  /// Sends a batch that the kernel executes as a whole or not at all, framed by its first and last message.
  /// Returns its first refused message, nullopt when all was done. The socket's send buffer grows as needed.
  std::optional<Refusal> send_batch(PackedRequests& batch, const std::string& doing);

  /// Sends requests that do not depend on each other, in order, in as few system calls as the socket's
  /// buffers allow. Returns the refused ones in order; the others are done.
  std::vector<Refusal> send_packed(PackedRequests& requests, const std::string& doing);

  /// Joins one more multicast group.
  void subscribe(unsigned group);
  /// Has the kernel put only those messages into the receive buffer that the program passes, in place of an
  /// earlier one. Where the kernel takes no such program, it passes all.
  void filter(std::vector<sock_filter> program);
  /// Waits for a notification and drops it; returns at the deadline at the latest.
  void wait_notification(const base::Deadline& deadline);
  /// Shows notifications that have arrived, without blocking: all of them, or as many as leave other work its
  /// turn; then fd() stays readable. False when some were lost.
  bool drain_notifications(const Visitor& visit);
  [[nodiscard]] int fd() const { return fd_.get(); }

  /// The number that notifications about this socket's requests carry as nlmsg_pid.
  [[nodiscard]] uint32_t port_id();
  /// Asks for a receive buffer of that many bytes; gets what the system allows.
  void enlarge_receive_buffer(int bytes);

 private:
  explicit NetlinkSocket(base::UniqueFd fd) : fd_(std::move(fd)) {}
  /// How an exchange ended: 0, or an errno with the kernel's text.
  struct Answer {
    int error_number = 0;
    bool interrupted = false;
    std::string kernel_text;
  };
  /// Returns true for the message that ends an exchange.
  using Take = std::function<bool(const nlmsghdr*)>;

  void send(const Message& message, const std::string& doing);
  void send(std::string_view bytes, const std::string& doing);
  /// Receives one datagram, at most. False when nothing waits and MSG_DONTWAIT is among `flags`.
  bool receive(int flags, const Take& take, bool& ended);
  /// Receives until `take` returns true.
  void receive_until(const Take& take, const std::string& doing);
  Answer exchange(const Message& message, const Visitor& visit, const std::string& doing);
  /// Sends those of [first, end) as one datagram and collects refusals until `acknowledged` is answered.
  void exchange_packed(PackedRequests& requests, size_t first, size_t end, size_t acknowledged,
                       const std::string& doing, std::vector<Refusal>& refusals);
  void enlarge_send_buffer(size_t length);

  base::UniqueFd fd_;
  uint32_t sequence_ = 0;
};

}  // namespace netlink
