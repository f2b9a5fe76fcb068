#include "flanneld/io/base64.h"

#include <doctest/doctest.h>

#include <string>

using namespace flanneld;

TEST_CASE("base64: all lengths and bytes read back the same, and malformed text is refused") {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    CHECK(base64_decode(base64_encode(bytes)) == bytes);
    bytes += static_cast<char>(i);
  }
  for (const char* text : {"a", "ab=", "a===", "====", "ab=c", "ab c", "ab\n="})
    CHECK_MESSAGE(!base64_decode(text), text);
}
