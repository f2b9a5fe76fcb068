// Cuts a stream of JSON objects into them, whatever pieces it arrives in. A watch of etcd or Kubernetes has
// one on each line, but an API server may also print one over several lines.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "flanneld/io/json_strings.h"

namespace flanneld {

class DocumentSplitter {
 public:
  /// An object of more than `max_bytes` is an error.
  explicit DocumentSplitter(size_t max_bytes) : max_bytes_(max_bytes) {}

  /// Takes the next piece. Its time does not depend on how much of an object is there already.
  void take(std::string_view piece);
  /// The next object that is whole. nullopt when more bytes are needed. Throws base::ParseError for one that
  /// is too long, for one that breaks off before the next, and for anything but an object.
  std::optional<std::string> next();
  /// Forgets all that was taken.
  void clear();

 private:
  size_t max_bytes_;
  std::string bytes_;
  size_t begin_ = 0;  ///< of the object that is being read
  size_t at_ = 0;     ///< what has been looked at
  int depth_ = 0;     ///< open brackets there
  JsonStrings strings_;
  bool spans_lines_ = false;  ///< its first line is the bracket alone; any other ends where the object does
};

}  // namespace flanneld
