// Formatting by fmt of types that say what they are by str().
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace base {

/// `template <> struct fmt::formatter<T> : base::StrFormatter<T> {};` makes fmt print a T as its str(), with
/// the format options of strings.
template <class T>
struct StrFormatter : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const T& value, Context& context) const {
    return fmt::formatter<std::string_view>::format(value.str(), context);
  }
};

}  // namespace base
