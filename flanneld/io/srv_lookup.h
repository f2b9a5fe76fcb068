// Looks up SRV records (RFC 2782) in the DNS, as /etc/resolv.conf says.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "flanneld/io/event_loop.h"
#include "flanneld/io/result.h"

namespace flanneld {

struct SrvRecord {
  uint16_t priority = 0, weight = 0, port = 0;
  std::string host;  ///< without a dot at the end
  bool operator==(const SrvRecord&) const = default;
};

/// The records in an answer, in the order in which they are to be tried: by priority, then the heavier first.
/// Throws base::ParseError for what is no DNS message.
std::vector<SrvRecord> parse_srv_answer(std::span<const unsigned char> message);

/// One lookup at a time. The resolver blocks, so it runs in a thread, which ends with the answer.
class SrvLookup {
 public:
  /// The records of each name; none where there is no such name.
  using Records = std::vector<std::vector<SrvRecord>>;
  using Done = std::function<void(const Result<Records>&)>;

  explicit SrvLookup(EventLoop& loop) : loop_(loop) {}
  ~SrvLookup();
  SrvLookup(const SrvLookup&) = delete;
  SrvLookup& operator=(const SrvLookup&) = delete;

  /// `done` is called once from the event loop, after some seconds at most when no server answers; unless the
  /// lookup is destroyed before. Throws SystemError.
  void start(std::vector<std::string> names, Done done);

 private:
  struct Shared;

  EventLoop& loop_;
  std::shared_ptr<Shared> shared_;  ///< with the thread; null: none runs
};

}  // namespace flanneld
