// Who is connected to a server that is open to everybody, and who has to go when there are too many: those
// that do not finish their request before those that do not read the answer, of the address that holds most,
// the oldest. So neither slow nor many connections keep anybody away. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>

#include "common/base/ip.h"

namespace flanneld {

class Guests {
 public:
  struct Limits {
    size_t connections = 0;
    size_t answer_bytes = 0;  ///< of answers that have not been read; a single one may be longer
  };
  explicit Guests(Limits limits) : limits_(limits) {}

  /// A connection is open. `fd` tells it from the others.
  void add(int fd, const base::IpAddress& from) { guests_.push_back({fd, from, State::asks, 0}); }
  /// Its request has got an answer of so many bytes, which may still have to be sent.
  void answer(int fd, size_t bytes);
  /// It has been told to go: it counts no more.
  void dismiss(int fd);

  /// Whether another connection is one too many.
  [[nodiscard]] bool are_full() const { return guests_.size() >= limits_.connections; }
  /// The one that has to go for another connection; nullopt: there is none.
  [[nodiscard]] std::optional<int> find_one_too_many() const;
  /// The one that has to go because of the answers that are not read; nullopt: there are few.
  [[nodiscard]] std::optional<int> find_hoarder() const;

 private:
  enum class State : uint8_t { asks, reads };
  struct Guest {
    int fd = -1;
    base::IpAddress from;
    State state = State::asks;
    size_t bytes = 0;
  };

  [[nodiscard]] std::optional<int> oldest_of_most(State state) const;

  Limits limits_;
  std::list<Guest> guests_;  ///< the oldest first
};

}  // namespace flanneld
