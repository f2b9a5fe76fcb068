// Command lines of a configuration, with Go flanneld's rules: words at white space, `$NAME` and `${NAME}` in
// them, and no shell: a quote is a letter as any other, and a value that is put in stays in its word.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace flanneld {

/// Without Unicode white space at both ends.
std::string_view trim_white_space(std::string_view text);

/// The words of `command`, with the values of `environment` ("NAME=value"; unknown names are empty). A word
/// that becomes empty stays a word; no words for blank text.
std::vector<std::string> expand_command(std::string_view command,
                                        const std::vector<std::string>& environment);

/// The file that a program's name means: itself if it has a slash, otherwise the first executable file in the
/// absolute directories of `path`, which is as $PATH. nullopt: there is none.
std::optional<std::string> find_program(const std::string& name, std::string_view path);

}  // namespace flanneld
