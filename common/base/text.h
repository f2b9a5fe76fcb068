// Small work on text: what the standard library lacks. ASCII only; other bytes are left as they are.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

namespace base {

/// "'name'", as every message shows a name. Longer than 256 bytes, it is cut and ends in "…'".
std::string quoted(std::string_view name);

std::string lower(std::string_view text);

/// Without white space at both ends.
std::string_view trimmed(std::string_view text);

/// The parts between separators, empty ones included; one empty part for empty text. They point into `text`.
std::vector<std::string_view> split(std::string_view text, char separator);

/// `path` as the name of one file: '/' as '-' and other unusual bytes as \xNN. Each path has its own name.
std::string path_as_name(std::string_view path);

}  // namespace base
