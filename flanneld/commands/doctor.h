// `flanneld doctor`: looks for what keeps pods from talking to each other, and says what to do. With
// `--fix` it does what can be done from there.
#pragma once

#include "flanneld/options/options.h"

namespace flanneld {

/// Runs all checks and prints a line for each, or JSON with `-o json`. Returns 0 when none fails, 1
/// otherwise. Throws UsageError.
int run_doctor(const Options& options);

}  // namespace flanneld
