#include "flanneld/node/install_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/text.h"
#include "common/base/unique_fd.h"
#include "common/json/json.h"

namespace flanneld {
namespace {

constexpr size_t kMaxInstalledBytes = 256 << 20;
constexpr size_t kMaxConfigurationBytes = 1 << 20;
constexpr mode_t kModeMask = 0755;
/// What programs are called as well; see cni-flannel/main.cc.
struct OtherName {
  std::string_view program;
  const char* name;
};
constexpr OtherName kOtherNames[] = {{"flannel", "portmap"},  {"flannel", "bandwidth"},
                                     {"flannel", "loopback"}, {"flannel", "bridge"},
                                     {"flannel", "ptp"},      {"flannel", "tuning"},
                                     {"flannel", "firewall"}, {"flannel-ipam", "host-local"}};

struct File {
  std::string bytes;
  mode_t mode = 0;
};

bool is_configuration(std::string_view name) {
  return name.ends_with(".conflist") || name.ends_with(".conf") || name.ends_with(".json");
}

/// The types of the plugins that a network configuration calls. Throws base::ParseError.
std::vector<std::string> plugin_types(std::string_view text, const std::string& what) {
  const json::Value configuration = json::parse(text, what);
  if (!configuration.is_object()) throw base::ParseError(fmt::format("{} is no JSON object", what));
  std::vector<std::string> types;
  if (!json::find(configuration, "plugins")) {
    types.push_back(json::get_string(configuration, "type", ""));
  } else {
    for (const json::Value& plugin : json::get_array(configuration, "plugins", ""))
      types.push_back(plugin.is_object() ? json::get_string(plugin, "type", "plugins") : "");
  }
  if (types.empty() || std::find(types.begin(), types.end(), "") != types.end())
    throw base::ParseError(fmt::format("{} names no plugin, or one without a type", what));
  return types;
}

File read_source(const std::string& path) {
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) base::throw_errno(fmt::format("open file {}", base::quoted(path)));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) base::throw_errno(fmt::format("stat file {}", base::quoted(path)));
  if (!S_ISREG(status.st_mode)) throw base::ParseError(fmt::format("{} is no file", base::quoted(path)));
  File file{.bytes = base::read_all(fd.get(), kMaxInstalledBytes, fmt::format("file {}", base::quoted(path))),
            .mode = status.st_mode & kModeMask};
  if (file.bytes.empty()) throw base::ParseError(fmt::format("file {} is empty", base::quoted(path)));
  return file;
}

/// True if `name` is a file, and no link, with just this content and mode.
bool is_there(int dir, const std::string& name, const File& file) {
  struct stat status {};
  if (::fstatat(dir, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
    return false;
  return (status.st_mode & 07777) == file.mode && static_cast<size_t>(status.st_size) == file.bytes.size() &&
         base::read_file_at(dir, name, file.bytes.size()) == file.bytes;
}

}  // namespace

InstalledFile install_file(const std::string& source, const std::string& target) {
  std::filesystem::path path(target);
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) path /= std::filesystem::path(source).filename();
  const std::string name = path.filename(), parent = path.has_parent_path() ? path.parent_path() : ".";
  const File file = read_source(source);
  if (is_configuration(name)) plugin_types(file.bytes, fmt::format("file {}", base::quoted(source)));

  const base::UniqueFd dir = base::open_directory(parent);
  if (!dir.valid())
    throw base::SystemError(ENOENT, fmt::format("open directory {}, where the node's own should be mounted",
                                                base::quoted(parent)));
  InstalledFile installed{.path = path, .bytes = file.bytes.size(), .mode = file.mode, .changed = false};
  // What a killed call left, unless another one is at work.
  if (::flock(dir.get(), LOCK_EX | LOCK_NB) == 0) base::remove_unfinished(dir.get(), name);
  if (is_there(dir.get(), name, file)) return installed;
  try {
    base::replace_file_at(dir.get(), name, file.bytes, file.mode, base::Durable::yes);
  } catch (const base::SystemError& error) {
    throw base::SystemError(error.error_number(), fmt::format("write file {}", base::quoted(installed.path)));
  }
  installed.changed = true;
  return installed;
}

std::vector<std::string> link_other_names(const std::string& path) {
  const std::filesystem::path own(path);
  std::vector<std::string> made;
  const std::string program = own.filename();
  const base::UniqueFd dir = base::open_directory(own.parent_path());
  for (const auto& [known, name] : kOtherNames) {
    if (known != program) continue;
    if (::symlinkat(program.c_str(), dir.get(), name) == 0)
      made.emplace_back(name);
    else if (errno != EEXIST)
      base::throw_errno(fmt::format("link {} to {}", base::quoted((own.parent_path() / name).native()),
                                    base::quoted(path)));
  }
  return made;
}

std::optional<std::string> find_rival_configuration(const std::string& path) {
  const std::filesystem::path own(path);
  if (!is_configuration(own.filename().native())) return std::nullopt;
  const base::UniqueFd dir = base::open_directory(own.parent_path());
  if (!dir.valid()) return std::nullopt;
  std::vector<std::string> names = base::list_directory(dir.get());
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    if (!is_configuration(name) || name == own.filename()) continue;
    const std::string rival = base::quoted((own.parent_path() / name).native());
    if (name < own.filename())
      return fmt::format(
          "the container runtime takes {}, which sorts before {}; remove it if it is not in use", rival,
          base::quoted(path));
    try {
      const auto text = base::read_file_at(dir.get(), name, kMaxConfigurationBytes);
      const auto types = text ? plugin_types(*text, rival) : std::vector<std::string>{};
      if (std::find(types.begin(), types.end(), "flannel") != types.end())
        return fmt::format(
            "{} is an older configuration of flannel's, which the container runtime ignores; remove it",
            rival);
    } catch (const std::exception&) {
      continue;  // the runtime does not use it either
    }
  }
  return std::nullopt;
}

}  // namespace flanneld
