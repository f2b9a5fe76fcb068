// A netlink socket: requests out, answers and the kernel's explanations in.
#pragma once

#include <linux/netlink.h>

#include <functional>
#include <string>
#include <vector>

#include "common/base/unique_fd.h"
#include "common/netlink/error.h"
#include "common/netlink/message.h"
#include "common/netlink/netns.h"

namespace netlink {

/// Tied for life to the namespace it was opened in, also after the process went elsewhere.
/// One request at a time; not shared between threads. Every failure throws NetlinkError or, for the
/// socket itself, SystemError; `doing` says what is being done, to which object.
class NetlinkSocket {
 public:
  using Visitor = std::function<void(const nlmsghdr*)>;

  static NetlinkSocket open(int protocol = NETLINK_ROUTE);
  static NetlinkSocket open_in(const Netns& netns, int protocol = NETLINK_ROUTE);
  /// Receives the notifications of a multicast group (RTNLGRP_*). Open it before the look that the
  /// notifications are to complete.
  static NetlinkSocket open_subscribed(unsigned group);

  /// Sends one request and waits for the kernel's acknowledgement.
  void request(const Message& message, const std::string& doing);

  /// As request, but an answer of `expected` (an errno) makes it false instead of an exception.
  bool request_unless(int expected, const Message& message, const std::string& doing);

  /// Sends a request for one object and shows it to `visit`; false when the kernel knows none
  /// (ENODEV or ENOENT).
  bool get(const Message& message, const std::string& doing, const Visitor& visit);

  /// Sends a dump request and shows every object. `restart` is called before each try: the kernel
  /// marks a dump that changed under its hands, and then it is asked again.
  void dump(const Message& message, const std::string& doing, const std::function<void()>& restart,
            const Visitor& visit);

  /// Sends several messages at once and gathers one answer for each. Returns the errno of the first
  /// refused one, 0 if none; `refused` is told its place and the kernel's text.
  struct BatchResult {
    int error_number = 0;
    size_t place = 0;
    std::string kernel_text;
  };
  BatchResult send_batch(const std::vector<Message>& messages, size_t answers);

  /// Of independent requests, one that the kernel refused.
  struct Refusal {
    size_t place = 0;
    int error_number = 0;
    std::string kernel_text;
  };
  /// Sends requests that do not depend on each other, in order and as few messages as the socket's buffers
  /// allow, and returns those that were refused, in order; the others are done.
  std::vector<Refusal> send_packed(PackedRequests& requests, const std::string& doing);

  /// Waits for one notification, at most `milliseconds`; false when none came.
  bool wait_notification(int milliseconds);

  /// Joins one more multicast group (RTNLGRP_*).
  void subscribe(unsigned group);
  /// Shows the notifications that wait, without blocking; false when the kernel had to drop some.
  bool drain_notifications(const Visitor& visit);
  [[nodiscard]] int fd() const { return fd_.get(); }

  /// The number that notifications about this socket's requests carry as nlmsg_pid.
  [[nodiscard]] uint32_t port_id();
  /// Asks for so many bytes of room for answers; gets what the system allows.
  void enlarge_receive_buffer(int bytes);

 private:
  explicit NetlinkSocket(base::UniqueFd fd) : fd_(std::move(fd)) {}
  /// How an exchange ended: 0, or an errno with the kernel's text.
  struct Answer {
    int error_number = 0;
    bool interrupted = false;
    std::string kernel_text;
  };
  void send(const Message& message, const std::string& doing);
  /// Sends those of [first, end) as one message. Only the last is acknowledged, the kernel tells of errors
  /// anyway.
  void send_portion(PackedRequests& requests, size_t first, size_t end, const std::string& doing,
                    std::vector<Refusal>& refusals);
  /// Shows every message that comes until one is the last. `doing` is for errors.
  void receive_until(const std::function<bool(const nlmsghdr*)>& is_last, const std::string& doing);
  Answer receive(const Visitor& visit, const std::string& doing);
  Answer exchange(const Message& message, const Visitor& visit, const std::string& doing);

  base::UniqueFd fd_;
  uint32_t sequence_ = 0;
};

}  // namespace netlink
