// Failures of the store, with advice for the operator.
#pragma once

#include <string>

#include "common/base/error.h"
#include "common/cni/error.h"

namespace ipam {

/// "<doing>: <cause>", with advice in the details.
cni::Error store_error(const std::string& doing, const base::SystemError& error);

/// Runs `action`; a failed system call in it becomes a store_error.
template <class Action>
auto guarded(const std::string& doing, Action&& action) {
  try {
    return action();
  } catch (const base::SystemError& error) {
    throw store_error(doing, error);
  }
}

}  // namespace ipam
