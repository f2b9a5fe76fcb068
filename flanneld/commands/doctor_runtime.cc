#include "flanneld/commands/doctor_runtime.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/text.h"
#include "common/json/json.h"

namespace flanneld {
namespace {

using State = Finding::State;

constexpr const char* kCniConfDir = "/etc/cni/net.d";
/// The second is where Debian's containerd looks, and where Debian's packages have plugins.
constexpr const char* kCniBinDirs[] = {"/opt/cni/bin", "/usr/lib/cni"};
constexpr const char* kRuntimes[] = {"containerd", "crio"};
constexpr size_t kMaxConfBytes = 1 << 20, kMaxProcFile = 1 << 16;

/// The types of a configuration's plugins, in order. Throws base::ParseError.
std::vector<std::string> plugin_types(const CniFiles& files) {
  const json::Value conf = json::parse(files.text, "network configuration");
  std::vector<std::string> types;
  if (!conf.is_object()) return types;
  if (!json::find(conf, "plugins")) return {json::get_string(conf, "type", "")};
  for (const json::Value& plugin : json::get_array(conf, "plugins", ""))
    if (plugin.is_object()) types.push_back(json::get_string(plugin, "type", "plugins"));
  return types;
}

/// What the types' programs lack in a plugins' directory, in quotes.
std::vector<std::string> missing_programs(const std::vector<std::string>& types,
                                          const std::vector<std::string>& names) {
  std::vector<std::string> missing;
  for (const std::string& type : types)
    if (std::find(names.begin(), names.end(), type) == names.end()) missing.push_back(base::quoted(type));
  return missing;
}

/// A link to a directory that is not there: in a container, one of the node's that it cannot see.
bool leads_out_of_sight(const std::filesystem::path& path) {
  std::error_code error;
  const auto target = std::filesystem::read_symlink(path, error);
  return !error && target.is_absolute() && !std::filesystem::exists(target.parent_path(), error);
}

/// A link counts if its program is there, or may be.
CniFiles::Programs read_programs(const char* directory) {
  CniFiles::Programs programs{.directory = directory, .names = {}};
  const base::UniqueFd dir = base::open_directory(directory);
  if (!dir.valid()) return programs;
  for (std::string& name : base::list_directory(dir.get())) {
    struct stat file {};
    const bool is_program = ::fstatat(dir.get(), name.c_str(), &file, 0) == 0 && S_ISREG(file.st_mode) &&
                            ::faccessat(dir.get(), name.c_str(), X_OK, 0) == 0;
    if (is_program || leads_out_of_sight(fmt::format("{}/{}", directory, name)))
      programs.names.push_back(std::move(name));
  }
  return programs;
}

/// The directory that has all of the types; empty: none has.
std::string find_programs(const std::vector<std::string>& types, const CniFiles& files) {
  for (const CniFiles::Programs& one : files.programs)
    if (missing_programs(types, one.names).empty()) return one.directory;
  return "";
}

/// Whether a process has asked for the events of the directory with that inode; nullopt: it asks for none at
/// all.
std::optional<bool> watches(const std::string& process, ino_t inode) {
  const std::string path = fmt::format("{}/fdinfo", process);
  const base::UniqueFd dir = base::open_directory(path);
  if (!dir.valid()) return std::nullopt;
  const std::string wanted = fmt::format(" ino:{:x} ", inode);
  std::optional<bool> found;
  for (const std::string& fd : base::list_directory(dir.get())) {
    const std::string info = base::read_file_at(dir.get(), fd, kMaxProcFile).value_or("");
    if (info.find("inotify wd:") == std::string::npos) continue;
    found = found.value_or(false) || info.find(wanted) != std::string::npos;
  }
  return found;
}

}  // namespace

std::optional<CniFiles> read_cni_files() {
  const base::UniqueFd conf_dir = base::open_directory(kCniConfDir);
  if (!conf_dir.valid()) return std::nullopt;
  std::vector<std::string> names = base::list_directory(conf_dir.get());
  std::erase_if(names, [](const std::string& name) {
    return !name.ends_with(".conf") && !name.ends_with(".conflist") && !name.ends_with(".json");
  });
  if (names.empty()) return std::nullopt;
  std::sort(names.begin(), names.end());
  CniFiles files;
  files.first = names.front();
  files.text = base::read_file(fmt::format("{}/{}", kCniConfDir, files.first), kMaxConfBytes).value_or("");
  files.others.assign(names.begin() + 1, names.end());
  for (const char* directory : kCniBinDirs) files.programs.push_back(read_programs(directory));
  return files;
}

std::vector<RuntimeWatch> read_runtime_watches() {
  std::vector<RuntimeWatch> runtimes;
  struct stat conf {};
  const base::UniqueFd proc = base::open_directory("/proc");
  if (!proc.valid() || ::stat(kCniConfDir, &conf) != 0) return runtimes;
  for (const std::string& name : base::list_directory(proc.get())) {
    int pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc()) continue;
    const std::string process = fmt::format("/proc/{}", name);
    try {
      const std::string program(
          base::trimmed(base::read_file(fmt::format("{}/comm", process), kMaxProcFile).value_or("")));
      if (std::find(std::begin(kRuntimes), std::end(kRuntimes), program) == std::end(kRuntimes)) continue;
      // k3s and RKE2 have their configurations elsewhere.
      const std::string command =
          base::read_file(fmt::format("{}/cmdline", process), kMaxProcFile).value_or("");
      if (command.find("rancher") != std::string::npos) continue;
      if (const auto sees = watches(process, conf.st_ino))
        runtimes.push_back({.program = program, .pid = pid, .watches_conf = *sees});
    } catch (const base::SystemError&) {
      continue;  // it has ended
    }
  }
  return runtimes;
}

Finding check_cni(const std::optional<CniFiles>& files) {
  Finding finding{.state = State::fail, .name = "network configuration"};
  const auto say = [&](const std::string& what, const std::string& advice) {
    finding.finding = what;
    finding.advice = advice;
    return finding;
  };
  if (!files)
    return say("/etc/cni/net.d has none: the runtime calls no plugin",
               "put conf-examples/10-flannel.conflist there");
  const std::string first = base::quoted(files->first);
  std::vector<std::string> types;
  try {
    types = plugin_types(*files);
  } catch (const base::ParseError& error) {
    return say(fmt::format("{} cannot be read: {}", first, error.what()), "mend the file");
  }
  if (std::find(types.begin(), types.end(), "flannel") == types.end())
    return say(fmt::format("{} comes first, and is not flannel's: the runtime takes that", first),
               "remove it, or give flannel's a name that sorts before");
  const std::string directory = find_programs(types, *files);
  if (directory.empty()) {
    const CniFiles::Programs& usual = files->programs.front();
    return say(
        fmt::format("{} names {}, which {} does not have as a program", first,
                    fmt::join(missing_programs(types, usual.names), ", "), usual.directory),
        fmt::format("install the plugins where the runtime looks: there or, as Debian's containerd, in {}",
                    files->programs.back().directory));
  }
  const std::string plugins = fmt::format("{}: {} in {}", first, fmt::join(types, ", "), directory);
  finding.state = files->others.empty() ? State::ok : State::warn;
  if (files->others.empty()) return say(plugins, "");
  return say(fmt::format("{}; the runtime ignores {} behind it", plugins, fmt::join(files->others, ", ")),
             "remove what is not in use");
}

Finding check_runtime_watch(const std::vector<RuntimeWatch>& runtimes) {
  Finding finding{
      .state = State::ok, .name = "container runtime", .finding = "none that could be asked runs here"};
  std::vector<std::string> seen;
  for (const RuntimeWatch& one : runtimes) {
    seen.push_back(fmt::format("{} ({})", one.program, one.pid));
    if (one.watches_conf) continue;
    finding.state = State::fail;
    finding.finding = fmt::format(
        "{} does not watch /etc/cni/net.d: that was removed and made anew since it started, so that it may "
        "not "
        "see the network configuration, and the node stays NotReady",
        seen.back());
    finding.advice = fmt::format("restart {}; pods go on meanwhile", one.program);
    return finding;
  }
  if (!seen.empty()) finding.finding = fmt::format("{} watches /etc/cni/net.d", fmt::join(seen, ", "));
  return finding;
}

}  // namespace flanneld
