// What could not be done, counted in full and told in part: thousands of texts would all say the same.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace flanneld {

class Failures {
 public:
  void add(std::string text) {
    ++count_;
    if (texts_.size() < kMostTexts) texts_.push_back(std::move(text));
  }
  void clear() { *this = {}; }

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] size_t count() const { return count_; }
  /// The first failure's text. There must be one.
  [[nodiscard]] const std::string& first() const { return texts_.front(); }
  /// At most kMostTexts lines; where there are more failures the last line is "and N more".
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> lines = texts_;
    if (count_ > kMostTexts) lines.back() = fmt::format("and {} more", count_ - kMostTexts + 1);
    return lines;
  }
  bool operator==(const Failures&) const = default;

  static constexpr size_t kMostTexts = 50;

 private:
  size_t count_ = 0;
  std::vector<std::string> texts_;
};

}  // namespace flanneld
