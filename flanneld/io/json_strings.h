// Tells the texts of JSON from what is between them, byte by byte.
#pragma once

namespace flanneld {

class JsonStrings {
 public:
  /// Takes the next byte. True if it belongs to a text, whose quotes do too.
  bool take(char one) {
    if (!is_open_) return is_open_ = one == '"';
    if (is_escaped_)
      is_escaped_ = false;
    else if (one == '\\')
      is_escaped_ = true;
    else if (one == '"')
      is_open_ = false;
    return true;
  }
  /// True within a text whose last quote has not come.
  [[nodiscard]] bool is_open() const { return is_open_; }

 private:
  bool is_open_ = false, is_escaped_ = false;
};

}  // namespace flanneld
