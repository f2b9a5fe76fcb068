// libFuzzer's entry. Compiled once for each decoder, whose name is FUZZ_DECODER.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/decoders.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::FUZZ_DECODER({reinterpret_cast<const char*>(data), size});
  return 0;
}
