// The corpus of the fuzz targets, what they once found among it, without clang and libFuzzer.
#include <doctest/doctest.h>

#include <filesystem>

#include "common/base/file.h"
#include "tests/fuzz/decoders.h"

TEST_CASE("every decoder bears its corpus") {
  for (const fuzz::Decoder& decoder : fuzz::kDecoders) {
    CAPTURE(decoder.name);
    size_t inputs = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string(SOURCE_DIR "/tests/fuzz/corpus/") + decoder.name)) {
      CAPTURE(entry.path().string());
      const auto input = base::read_file(entry.path().string(), 1 << 20);
      REQUIRE(input);
      CHECK_NOTHROW(decoder.decode(*input));
      ++inputs;
    }
    CHECK(inputs > 0);
  }
}
