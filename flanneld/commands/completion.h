// `flanneld completion SHELL`: what a shell needs to complete flanneld's flags and commands.
#pragma once

#include <string>
#include <string_view>

#include "flanneld/options/options.h"

namespace flanneld {

/// A script for `bash` or `zsh`, made from the table of flags; throws UsageError for another shell.
std::string completion_script(std::string_view shell);

/// Prints the script; returns the exit status.
int run_completion(const Options& options);

}  // namespace flanneld
