// What `flanneld doctor` finds out about forwarding: whether it is on, and which file switches it off.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "flanneld/commands/doctor_report.h"

namespace flanneld {

/// A file of settings as sysctl.d(5) has them.
struct SysctlFile {
  std::string path;
  std::string text;
};

/// Of the directories of sysctl.d(5), in the order in which they are applied: by name, and of files that
/// share one only that of the first directory. Those that cannot be read are passed over.
std::vector<SysctlFile> read_sysctl_files();

/// The path of the file that decides what one of `keys` ("net.ipv4.ip_forward") is at boot, if that makes it
/// 0. All keys are names of one setting.
std::optional<std::string> find_switching_off(const std::vector<SysctlFile>& files,
                                              const std::vector<std::string>& keys);

enum class Pods : bool { none, some };

/// Of the sysctl that lets the node forward packets; nullopt if there is none. It may be off on a node that
/// has had no pods yet: the plugin switches it on for the first one.
Finding check_forwarding(base::Family family, const std::optional<std::string>& value, Pods pods,
                         const std::vector<SysctlFile>& files = {});

}  // namespace flanneld
