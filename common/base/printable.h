// Text of others, made harmless for terminals and logs.
#pragma once

#include <string>
#include <string_view>

namespace base {

/// What may break a line in two, steer a terminal or turn the direction of writing becomes a space: control
/// characters of ASCII and Latin-1, separators of lines, embeddings, overrides and isolates of Unicode's
/// bidirectional text, and bytes that are not UTF-8. ASCII characters in `kept` are left.
std::string printable(std::string_view text, std::string_view kept = {});

}  // namespace base
