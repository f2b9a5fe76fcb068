#include "common/cni/version.h"

#include <doctest/doctest.h>

#include "common/cni/error.h"

namespace {

cni::ErrorCode code_of_comparison(const char* version) {
  try {
    cni::version_less(version, "1.0.0");
  } catch (const cni::Error& error) {
    return error.code();
  }
  return cni::ErrorCode::internal;
}

}  // namespace

TEST_CASE("versions compare by number") {
  CHECK(cni::version_less("0.3.1", "0.4.0"));
  CHECK(cni::version_less("0.9", "0.10.0"));
  CHECK_FALSE(cni::version_less("1.0.0", "1.0"));
  for (const char* bad : {"", "a", "1.", "1.2.3.4", "1.-2", "99999999999.0.0"})
    CHECK_MESSAGE(code_of_comparison(bad) == cni::ErrorCode::decoding_failure, bad);
}

TEST_CASE("supported_list names the versions in their order") {
  CHECK(cni::supported_list() == "0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0");
}
