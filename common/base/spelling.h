// Finds the name that somebody meant who misspelt it.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace base {

/// The one of `names` that `word` most resembles: but for case and signs between words the same, with a
/// letter or two wrong, missing, added or swapped, or one the beginning of the other. nullopt when none is so
/// close.
std::optional<std::string_view> find_similar(std::string_view word, std::span<const std::string_view> names);

}  // namespace base
