// What `flanneld doctor` finds out about the container runtime: its network configurations, and whether it
// would see a new one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "flanneld/commands/doctor_report.h"

namespace flanneld {

/// The container runtime's network configurations and the plugins beside them.
struct CniFiles {
  std::string first;                ///< the name that sorts first: the one that the runtime uses
  std::string text;                 ///< its content
  std::vector<std::string> others;  ///< names behind it
  struct Programs {
    std::string directory;
    std::vector<std::string> names;  ///< what can be executed
  };
  std::vector<Programs>
      programs;  ///< of each directory that runtimes look for plugins in, the usual one first
};
/// nullopt: there is no network configuration.
std::optional<CniFiles> read_cni_files();

/// nullopt: there is no configuration.
Finding check_cni(const std::optional<CniFiles>& files);

/// A container runtime that runs here and learns of network configurations by inotify.
struct RuntimeWatch {
  std::string program;  ///< "containerd"
  int pid = 0;
  bool watches_conf = false;  ///< the directory of the configurations that is there now
};
/// The runtimes whose processes can be seen and that take /etc/cni/net.d. None without that directory.
std::vector<RuntimeWatch> read_runtime_watches();

/// Whether the runtimes would see a new configuration; none are known where their processes are out of sight.
Finding check_runtime_watch(const std::vector<RuntimeWatch>& runtimes);

}  // namespace flanneld
