// One turn of probes at a peer: what to send next, by what came back, and what that tells. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "flanneld/probe/packet.h"

namespace flanneld {

/// What the probes say of the way to a peer and back.
enum class ProbeState : uint8_t {
  unknown,        ///< no turn is over yet, or the node runs but lacks the address that is asked
  reached,        ///< all is well
  silent,         ///< nothing comes back
  small_only,     ///< packets of the pods' MTU are lost
  bad_checksums,  ///< packets are lost whose checksum the interface should make
};
/// As it stands in JSON and metrics.
const char* name_of(ProbeState state);

/// What is known of a peer.
struct ProbeRecord {
  ProbeState state = ProbeState::unknown;
  std::chrono::sys_seconds since{};  ///< when the state was another one last
  std::optional<std::chrono::nanoseconds> round_trip;
  uint32_t path_mtu = 0;    ///< the largest IP packet that passes, if less than the pods' MTU; 0: not known
  uint32_t history = 0;     ///< of the last probes, one bit each, the latest lowest: 1 for a lost one
  uint8_t history_len = 0;  ///< how many bits count
  std::string said;         ///< an error that came instead of an answer, and from where; empty: none

  /// Part of the last probes that was lost, 0 to 1.
  [[nodiscard]] double loss() const;
};

/// A packet to send.
struct ProbeRequest {
  ProbeMeans means = ProbeMeans::echo;
  uint32_t size = 0;  ///< bytes, of the IP packet
  int attempt = 0;
  std::chrono::milliseconds patience{};  ///< for an answer
};

/// Bytes of a probe that only asks whether anything passes.
inline constexpr uint32_t kSmallProbe = 64;

class Trial {
 public:
  /// `mtu`: of the pods' packets. `record` must outlive the trial, and has its outcome when it is over. With
  /// `may_lack` the peer may lack the address that is asked: then it is asked at the node's own.
  Trial(ProbeRecord& record, uint32_t mtu, bool may_lack = false);

  // Each answers with what is to be sent now.
  std::vector<ProbeRequest> begin();
  std::vector<ProbeRequest> answered(const ProbeRequest& request, std::chrono::nanoseconds round_trip);
  std::vector<ProbeRequest> lost(const ProbeRequest& request);

  /// Nothing more is to be sent, nor to be waited for.
  [[nodiscard]] bool is_over() const { return open_ == 0; }
  /// What the record should say now.
  [[nodiscard]] ProbeState outcome() const;

 private:
  enum class Finding : uint8_t { open, yes, no };

  ProbeRequest ask(ProbeMeans means, uint32_t size, int attempt);
  /// Adds to the record's history.
  void note(int lost, int answered);
  /// What follows from the small probes as far as they are known.
  std::vector<ProbeRequest> go_on();
  std::vector<ProbeRequest> size_known(uint32_t size, bool passes);

  ProbeRecord& record_;
  uint32_t mtu_;
  bool may_lack_;
  int open_ = 0;  ///< requests that are neither answered nor lost
  Finding echo_ = Finding::open, udp_ = Finding::open, plain_udp_ = Finding::open, full_ = Finding::open,
          node_ = Finding::open;
  bool asks_size_ = false, asks_plain_ = false, asks_node_ = false;
  std::chrono::nanoseconds udp_round_trip_{};
  int lost_echoes_ = 0;                        ///< that the history lacks
  uint32_t passes_ = kSmallProbe, fails_ = 0;  ///< sizes: the answer to the search lies between
};

}  // namespace flanneld
