#include "common/base/spelling.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

namespace base {
namespace {

constexpr size_t kLongestWord = 64, kShortestBeginning = 4;

/// Letters and digits alone, in lower case.
std::string bare(std::string_view word) {
  std::string result;
  for (const char one : word.substr(0, kLongestWord))
    if (std::isalnum(static_cast<unsigned char>(one)) != 0)
      result += static_cast<char>(std::tolower(static_cast<unsigned char>(one)));
  return result;
}

/// How many letters must be changed, left out, added, or swapped with their neighbour.
size_t distance(const std::string& a, const std::string& b) {
  std::vector<size_t> before_last, last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = last;
    last = row;
  }
  return last[b.size()];
}

bool is_beginning(const std::string& a, const std::string& b) {
  return std::min(a.size(), b.size()) >= kShortestBeginning && (a.starts_with(b) || b.starts_with(a));
}

}  // namespace

std::optional<std::string_view> find_similar(std::string_view word, std::span<const std::string_view> names) {
  const std::string wanted = bare(word);
  std::optional<std::string_view> best;
  size_t best_distance = 0;
  for (const std::string_view name : names) {
    const std::string one = bare(name);
    const size_t apart = distance(wanted, one);
    const size_t most = std::min<size_t>(3, (std::max(wanted.size(), one.size()) + 1) / 4);
    if (apart > most && !is_beginning(wanted, one)) continue;
    if (best && best_distance <= apart) continue;
    best = name;
    best_distance = apart;
  }
  return best;
}

}  // namespace base
