// Cuts a Kubernetes list, as it arrives, into its items: each is handed on as soon as it is whole, so that no
// memory grows with the list.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "flanneld/io/json_strings.h"

namespace flanneld {

class ListSplitter {
 public:
  using OnItem = std::function<void(std::string_view item)>;

  /// An item of more than `max_item_bytes` is an error.
  explicit ListSplitter(size_t max_item_bytes) : max_item_bytes_(max_item_bytes) {}

  /// Takes the next piece, and calls `on_item` for each item that is whole with it. Throws base::ParseError
  /// for what cannot be a list, and what `on_item` throws; of no use after that.
  void take(std::string_view piece, const OnItem& on_item);
  /// True when the list's last bracket has come.
  [[nodiscard]] bool is_complete() const { return is_complete_; }
  /// The list without its items: {"kind":"NodeList",…,"metadata":{…},"items":[]}.
  [[nodiscard]] const std::string& envelope() const { return envelope_; }

 private:
  [[nodiscard]] bool is_within_item() const { return in_items_ && depth_ > 2; }
  void open(char bracket, std::string_view piece, size_t at);
  void close(std::string_view piece, size_t at, const OnItem& on_item);
  void keep(std::string_view bytes);
  void keep_item(std::string_view bytes);

  size_t max_item_bytes_;
  std::string envelope_, item_;
  size_t begin_ = 0;  ///< in the piece that is taken: what was not kept yet
  int depth_ = 0;     ///< open brackets
  JsonStrings strings_;
  bool in_items_ = false;  ///< within the brackets of the items
  bool is_complete_ = false;
};

}  // namespace flanneld
