#include "common/base/printable.h"

#include <cstddef>
#include <cstdint>

namespace base {
namespace {

struct Character {
  uint32_t code = 0;
  size_t bytes = 0;  ///< 0: the first byte begins no character of UTF-8
};

/// The character at the beginning of `text`, which is not empty. The shortest form counts alone.
Character first_of(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return {};
  uint32_t code = lead & (0xffU >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3fU);
  }
  const bool is_longer_than_need_be = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
  const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
  return is_longer_than_need_be || is_surrogate || code > 0x10ffff ? Character{} : Character{code, bytes};
}

/// What steers a terminal, breaks a line, or turns the direction of what follows.
bool is_harmful(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

std::string printable(std::string_view text, std::string_view kept) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character one = first_of(text);
    const size_t bytes = one.bytes == 0 ? 1 : one.bytes;
    const bool is_kept = kept.find(text.front()) != std::string_view::npos;
    if (!is_kept && (one.bytes == 0 || is_harmful(one.code)))
      out += ' ';
    else
      out += text.substr(0, bytes);
    text.remove_prefix(bytes);
  }
  return out;
}

}  // namespace base
