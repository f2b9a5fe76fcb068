// What `flanneld doctor` reads from the machine for its checks.
#pragma once

#include <optional>

#include "flanneld/commands/doctor_checks.h"

namespace flanneld {

/// nullopt: there is no network configuration.
std::optional<CniFiles> read_cni_files();

}  // namespace flanneld
