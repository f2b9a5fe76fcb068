// What the store asks of the machine that it runs on. Tests give answers of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "common/base/boot.h"

namespace ipam {

struct Machine {
  std::string state_directory = "/run/cni/flannel-ipam";  ///< lost at a reboot; what stays is told by boot_id
  std::function<std::string()> boot_id = base::read_boot_id;
  std::function<std::optional<int64_t>()> boot_time = base::read_boot_time;
};

}  // namespace ipam
