// What others must know of the ipip backend's device.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace flanneld {

/// The overhead of the device that is named like ours, "flannel.ipip"; nullopt for every other link.
std::optional<uint32_t> ipip_device_overhead(std::string_view kind, std::string_view name);

}  // namespace flanneld
