// What `flanneld doctor` reads from the machine for its checks.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "flanneld/commands/doctor_checks.h"

namespace flanneld {

/// nullopt: there is no network configuration.
std::optional<CniFiles> read_cni_files();

/// Where IPv6 is switched off: those of "all", "default" and `links`. A link that there is not counts as on.
std::vector<std::string> read_ipv6_off(std::vector<std::string> links);

}  // namespace flanneld
