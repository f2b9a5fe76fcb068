#include "common/base/printable.h"

namespace base {
namespace {

constexpr unsigned char kSpace = 0x20, kDelete = 0x7f;
constexpr unsigned char kLatin1Lead = 0xc2, kFirstControl = 0x80, kLastControl = 0x9f;  // U+0080 to U+009F

}  // namespace

std::string printable(std::string_view text, std::string_view kept) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto one = static_cast<unsigned char>(text[i]);
    const unsigned char next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    if (one == kLatin1Lead && next >= kFirstControl && next <= kLastControl) {
      out += ' ';
      ++i;
    } else {
      const bool is_control = one < kSpace || one == kDelete;
      out += is_control && kept.find(text[i]) == std::string_view::npos ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace base
