#include "flanneld/store/kube/list_splitter.h"

#include <fmt/format.h>

#include "common/base/error.h"
#include "common/base/text.h"

namespace flanneld {
namespace {

constexpr size_t kMaxEnvelope = 64 << 10;

/// Whether the value that follows is that of the items.
bool ends_with_items_key(std::string_view text) {
  text = base::trimmed(text);
  if (!text.ends_with(':')) return false;
  text.remove_suffix(1);
  return base::trimmed(text).ends_with("\"items\"");
}

}  // namespace

void ListSplitter::take(std::string_view piece, const OnItem& on_item) {
  begin_ = 0;
  for (size_t at = 0; at < piece.size(); ++at) {
    const char one = piece[at];
    if (strings_.take(one)) continue;
    if (one == '{' || one == '[')
      open(one, piece, at);
    else if (one == '}' || one == ']')
      close(piece, at, on_item);
  }
  if (is_within_item())
    keep_item(piece.substr(begin_));
  else if (!in_items_)
    keep(piece.substr(begin_));
}

void ListSplitter::open(char bracket, std::string_view piece, size_t at) {
  if (in_items_ && depth_ == 2) begin_ = at;
  if (!in_items_ && depth_ == 1 && bracket == '[') {
    keep(piece.substr(begin_, at - begin_));
    in_items_ = ends_with_items_key(envelope_);
    begin_ = at;
    if (in_items_) keep("[");
  }
  ++depth_;
}

void ListSplitter::close(std::string_view piece, size_t at, const OnItem& on_item) {
  if (--depth_ < 0) throw base::ParseError("no list: a bracket closes that was not opened");
  if (depth_ == 0) is_complete_ = true;
  if (!in_items_) return;
  if (depth_ == 2) {
    keep_item(piece.substr(begin_, at + 1 - begin_));
    on_item(item_);
    item_.clear();
  } else if (depth_ == 1) {
    in_items_ = false;
    begin_ = at;
  }
}

void ListSplitter::keep(std::string_view bytes) {
  if (envelope_.size() + bytes.size() > kMaxEnvelope)
    throw base::ParseError(fmt::format("no list: more than {} bytes beside the items", kMaxEnvelope));
  envelope_.append(bytes);
}

void ListSplitter::keep_item(std::string_view bytes) {
  if (item_.size() + bytes.size() > max_item_bytes_)
    throw base::ParseError(fmt::format("an item is longer than {} bytes", max_item_bytes_));
  item_.append(bytes);
}

}  // namespace flanneld
