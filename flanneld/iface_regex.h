// The patterns of --iface-regex.
#pragma once

#include <regex>
#include <string>

namespace flanneld {

/// Compiles a pattern: ECMAScript syntax, with a leading "(?i)" as in Go's RE2. Throws base::ParseError.
std::regex compile_iface_regex(const std::string& pattern);

}  // namespace flanneld
