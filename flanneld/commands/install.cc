#include "flanneld/commands/install.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <cstdio>

#include "common/base/text.h"
#include "flanneld/node/install_file.h"
#include "flanneld/options/flags.h"

namespace flanneld {
namespace {

constexpr mode_t kNothing = 0;

struct Copy {
  std::string source, target;
};

std::string_view called_name(std::string_view program) { return program.substr(program.rfind('/') + 1); }

Copy parse_copy(std::string_view name, const std::vector<std::string>& arguments) {
  const bool is_cp = name == "cp";
  const std::string usage = fmt::format("usage: {} {}SOURCE TARGET", name, is_cp ? "[-f] " : "");
  std::vector<std::string> paths;
  for (auto word = arguments.begin(); word != arguments.end(); ++word) {
    if (*word == "--") {
      paths.insert(paths.end(), word + 1, arguments.end());
      break;
    }
    if (!word->starts_with('-'))
      paths.push_back(*word);
    else if (!is_cp || (*word != "-f" && *word != "--force"))
      throw UsageError(fmt::format("{} is not known; {}", base::quoted(*word), usage));
  }
  if (paths.size() != 2) throw UsageError(usage);
  return {.source = paths[0], .target = paths[1]};
}

}  // namespace

bool is_install_name(std::string_view program) {
  return called_name(program) == "install-conf" || called_name(program) == "cp";
}

int run_install(std::string_view program, const std::vector<std::string>& arguments) {
  const std::string_view name = called_name(program);
  try {
    const Copy copy = parse_copy(name, arguments);
    ::umask(kNothing);  // the copy has just the mode that install_file() gives it
    const InstalledFile file = install_file(copy.source, copy.target);
    const std::string what =
        file.changed ? fmt::format("is now a copy of {}", base::quoted(copy.source)) : "is up to date";
    fmt::print("{}: {} {} ({} bytes, mode {:04o})\n", name, base::quoted(file.path), what, file.bytes,
               file.mode);
    if (const auto made = link_other_names(file.path); !made.empty())
      fmt::print("{}: it is {} there as well\n", name, fmt::join(made, ", "));
    if (const auto rival = find_rival_configuration(file.path)) fmt::print(stderr, "{}: {}\n", name, *rival);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", name, error.what());
    return 1;
  }
}

}  // namespace flanneld
