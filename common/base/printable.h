// Text of others, made harmless for terminals and logs.
#pragma once

#include <string>
#include <string_view>

namespace base {

/// What may break a line in two or steer a terminal becomes a space: control characters of ASCII, DEL, and
/// the control characters of Latin-1 as UTF-8. Characters in `kept` are left.
std::string printable(std::string_view text, std::string_view kept = {});

}  // namespace base
