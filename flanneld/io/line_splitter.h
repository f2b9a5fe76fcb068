// Cuts a stream of bytes into lines, whatever pieces the bytes arrive in.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace flanneld {

class LineSplitter {
 public:
  /// A line of more than `max_bytes` is an error.
  explicit LineSplitter(size_t max_bytes) : max_bytes_(max_bytes) {}

  /// Takes the next piece. Its time does not depend on how much of a line is there already.
  void take(std::string_view piece);
  /// The next complete line without its end; empty lines are skipped. nullopt when more bytes are needed.
  /// Throws base::ParseError when a line is too long.
  std::optional<std::string> next();
  /// Forgets all that was taken.
  void clear();

 private:
  size_t max_bytes_;
  std::string bytes_;
  size_t begin_ = 0;    ///< of the line that is being read
  size_t scanned_ = 0;  ///< no line ends before this
};

}  // namespace flanneld
