// What the tests of common/cni share.
#pragma once

#include "common/cni/error.h"

namespace cni_test {

/// The code of what `action` throws; internal if it throws nothing.
template <class Action>
cni::ErrorCode code_of(Action&& action) {
  try {
    action();
  } catch (...) {
    return cni::current_error().code();
  }
  return cni::ErrorCode::internal;
}

}  // namespace cni_test
