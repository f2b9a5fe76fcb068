#include "common/base/hash.h"

#include <sha512.h>

#include <array>

namespace base {

std::string sha512_hex(std::string_view bytes) {
  std::array<char, SHA512_DIGEST_STRING_LENGTH> hex{};
  SHA512Data(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), hex.data());
  return hex.data();
}

}  // namespace base
