#include "common/cni/error.h"

#include <doctest/doctest.h>

#include <cerrno>

#include "common/base/error.h"

using cni::Error;
using cni::ErrorCode;

namespace {

template <class Failure>
ErrorCode code_of_thrown(const Failure& failure) {
  try {
    throw Failure(failure);
  } catch (...) {
    return cni::current_error().code();
  }
}

}  // namespace

TEST_CASE("each kind of failure has its code") {
  CHECK(code_of_thrown(Error(ErrorCode::conflict, "taken")) == ErrorCode::conflict);
  CHECK(code_of_thrown(base::ValueError("x")) == ErrorCode::invalid_config);
  CHECK(code_of_thrown(base::ParseError("x")) == ErrorCode::decoding_failure);
  CHECK(code_of_thrown(base::KernelError(EINVAL, "x")) == ErrorCode::kernel_refused);
  CHECK(code_of_thrown(base::KernelError(ENOMEM, "x")) == ErrorCode::try_again_later);
  CHECK(code_of_thrown(base::SystemError(EACCES, "x")) == ErrorCode::io_failure);
  CHECK(code_of_thrown(std::bad_alloc()) == ErrorCode::try_again_later);
  CHECK(code_of_thrown(std::runtime_error("x")) == ErrorCode::internal);
  CHECK(cni::code_of(ENOSPC) == ErrorCode::io_failure);
  CHECK(cni::code_of(ETIMEDOUT) == ErrorCode::try_again_later);
}

TEST_CASE("Attempts goes on after a failure, and reports all with the code of the first") {
  cni::Attempts attempts;
  int done = 0;
  attempts.run("first", [] { throw Error(ErrorCode::io_failure, "disk"); });
  attempts.run("second", [&] { ++done; });
  attempts.run("third", [] { throw Error(ErrorCode::conflict, "taken", "by x"); });
  CHECK(done == 1);
  try {
    attempts.throw_if_any();
    FAIL("must throw");
  } catch (...) {
    const cni::Error error = cni::current_error();
    CHECK(error.code() == ErrorCode::io_failure);
    CHECK(error.details() == "first: disk; third: taken; by x");
  }
}
