#include "flanneld/commands/doctor_reads.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/file.h"

namespace flanneld {
namespace {

constexpr const char* kCniConfDir = "/etc/cni/net.d";
constexpr const char* kCniBinDir = "/opt/cni/bin";
constexpr size_t kMaxConfBytes = 1 << 20;

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
  if (const base::UniqueFd bin_dir = base::open_directory(kCniBinDir); bin_dir.valid())
    files.programs = base::list_directory(bin_dir.get());
  return files;
}

}  // namespace flanneld
