#include "common/cni/delegate.h"

#include <doctest/doctest.h>

#include "common/base/file.h"
#include "common/cni/error.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/common/cni/test_support.h"

using cni::ErrorCode;
using cni_test::code_of;

TEST_CASE("a delegate has a plain name, and its answer has bounds") {
  const test::TempDir temporary;
  const std::string& directory = temporary.path();
  cni::Request request;
  request.path = directory;
  request.config = json::Value::object();
  base::write_file_atomic(directory + "/deep", "#!/bin/sh\nhead -c 100000 /dev/zero | tr '\\0' '['\n", 0755);
  CHECK(code_of([&] { cni::run_delegate("deep", "ADD", request); }) == ErrorCode::decoding_failure);
  for (const std::string& type : {std::string("../deep"), std::string("/bin/sh"), std::string("."),
                                  std::string(".."), std::string(), std::string("deep\0x", 6)})
    CHECK_MESSAGE(code_of([&] { cni::find_plugin(type, request); }) == ErrorCode::invalid_config, type);
}
