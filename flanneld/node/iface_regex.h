// The patterns of --iface-regex, in the syntax of Go's regexp, which is RE2's.
#pragma once

#include <re2/re2.h>

#include <string>

namespace flanneld {

class IfaceRegex {
 public:
  /// Throws base::ParseError if `pattern` is not a regular expression.
  explicit IfaceRegex(const std::string& pattern);

  /// True if the pattern occurs anywhere in the text.
  [[nodiscard]] bool occurs_in(const std::string& text) const { return re2::RE2::PartialMatch(text, regex_); }

 private:
  re2::RE2 regex_;
};

}  // namespace flanneld
