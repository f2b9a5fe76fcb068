// What others must know of the udp backend's device.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace flanneld {

/// The overhead of a TUN device that is named like ours, "flannel0"; nullopt for every other link.
std::optional<uint32_t> udp_device_overhead(std::string_view kind, std::string_view name);

}  // namespace flanneld
