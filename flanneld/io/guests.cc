#include "flanneld/io/guests.h"

#include <algorithm>
#include <iterator>
#include <map>

namespace flanneld {

void Guests::answer(int fd, size_t bytes) {
  for (auto one = guests_.begin(); one != guests_.end(); ++one) {
    if (one->fd != fd) continue;
    one->state = State::reads;
    one->bytes = bytes;
    guests_.splice(guests_.end(), guests_, one);  // it waits for its answer from now on
    return;
  }
}

void Guests::dismiss(int fd) {
  guests_.remove_if([fd](const Guest& one) { return one.fd == fd; });
}

std::optional<int> Guests::find_one_too_many() const {
  const auto asks = oldest_of_most(State::asks);
  return asks ? asks : oldest_of_most(State::reads);
}

std::optional<int> Guests::find_hoarder() const {
  size_t bytes = 0;
  for (const Guest& one : guests_) bytes += one.bytes;
  const auto oldest = std::ranges::find(guests_, State::reads, &Guest::state);
  const bool is_only_one = oldest == guests_.end() || std::next(oldest) == guests_.end();
  if (bytes <= limits_.answer_bytes || is_only_one) return std::nullopt;
  return oldest->fd;
}

std::optional<int> Guests::oldest_of_most(State state) const {
  std::map<base::IpAddress, size_t> held;
  for (const Guest& one : guests_)
    if (one.state == state) ++held[one.from];
  size_t most = 0;
  for (const auto& [address, count] : held) most = std::max(most, count);
  for (const Guest& one : guests_)
    if (one.state == state && held[one.from] == most) return one.fd;
  return std::nullopt;
}

}  // namespace flanneld
