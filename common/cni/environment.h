// The variables that a runtime sets for a plugin (CNI spec 1.1.0, section 2, "Parameters").
#pragma once

#include <string>

#include "common/cni/verb.h"

namespace cni {

/// The value of a variable of this process; empty if it is not set.
std::string env(const char* name);

/// Throws Error(invalid_environment) for the first value that `verb` needs and that has a wrong form, or
/// for all that are missing, in one message.
void check_environment(Verb verb);

}  // namespace cni
