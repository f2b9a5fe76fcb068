#include "flanneld/io/line_splitter.h"

#include <fmt/format.h>

#include "common/base/error.h"

namespace flanneld {

void LineSplitter::take(std::string_view piece) {
  bytes_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  bytes_.append(piece);
}

std::optional<std::string> LineSplitter::next() {
  for (;;) {
    const size_t end = bytes_.find('\n', scanned_);
    scanned_ = end == std::string::npos ? bytes_.size() : end + 1;
    const size_t length = (end == std::string::npos ? bytes_.size() : end) - begin_;
    if (length > max_bytes_)
      throw base::ParseError(fmt::format("a line is longer than {} bytes", max_bytes_));
    if (end == std::string::npos) {
      if (length == 0) clear();  // a burst's memory need not stay
      return std::nullopt;
    }
    std::string line = bytes_.substr(begin_, length);
    begin_ = scanned_;
    if (!line.empty()) return line;
  }
}

void LineSplitter::clear() {
  bytes_.clear();
  bytes_.shrink_to_fit();
  begin_ = scanned_ = 0;
}

}  // namespace flanneld
