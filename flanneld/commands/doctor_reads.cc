#include "flanneld/commands/doctor_reads.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/base/file.h"
#include "common/netlink/sysctl.h"

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

std::vector<std::string> read_ipv6_off(std::vector<std::string> links) {
  std::vector<std::string> names{"all", "default"};
  std::move(links.begin(), links.end(), std::back_inserter(names));
  std::erase_if(names, [](const std::string& name) {
    return netlink::read_sysctl(fmt::format("net/ipv6/conf/{}/disable_ipv6", name)).value_or("0") == "0";
  });
  return names;
}

}  // namespace flanneld
