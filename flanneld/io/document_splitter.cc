#include "flanneld/io/document_splitter.h"

#include <fmt/format.h>

#include "common/base/error.h"

namespace flanneld {

void DocumentSplitter::take(std::string_view piece) {
  bytes_.erase(0, begin_);
  at_ -= begin_;
  begin_ = 0;
  bytes_.append(piece);
}

std::optional<std::string> DocumentSplitter::next() {
  for (; at_ < bytes_.size(); ++at_) {
    const char one = bytes_[at_];
    if (depth_ == 0) {
      const bool is_space = one == '\n' || one == ' ' || one == '\r' || one == '\t';
      if (!is_space && one != '{') throw base::ParseError("what is sent is no stream of JSON objects");
      begin_ = is_space ? at_ + 1 : at_;
      if (!is_space) depth_ = 1;
      spans_lines_ = false;
    } else if (strings_.is_open() && one == '\n') {
      throw base::ParseError("a text breaks off");
    } else if (strings_.take(one)) {
      // nothing in a text opens or closes an object
    } else if (one == '\n') {
      if (!spans_lines_ && at_ != begin_ + 1) throw base::ParseError("an object breaks off");
      spans_lines_ = true;
    } else if (one == '{' || one == '[') {
      // Only the first line of an object begins so: the one before has no end.
      if (one == '{' && bytes_[at_ - 1] == '\n') throw base::ParseError("an object breaks off");
      ++depth_;
    } else if ((one == '}' || one == ']') && --depth_ == 0) {
      std::string document = bytes_.substr(begin_, at_ + 1 - begin_);
      begin_ = ++at_;
      return document;
    }
    if (begin_ <= at_ && at_ - begin_ >= max_bytes_)
      throw base::ParseError(fmt::format("an object is longer than {} bytes", max_bytes_));
  }
  if (begin_ == bytes_.size()) clear();  // a burst's memory need not stay
  return std::nullopt;
}

void DocumentSplitter::clear() {
  bytes_.clear();
  bytes_.shrink_to_fit();
  begin_ = at_ = 0;
  depth_ = 0;
  strings_ = JsonStrings();
}

}  // namespace flanneld
