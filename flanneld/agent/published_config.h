// What a node has published before tells of the configuration that it had then. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "flanneld/backend/device.h"
#include "flanneld/lease/lease.h"

namespace flanneld {

/// The network configuration `text` with the backend that `published` is of; nullopt where that does not tell
/// enough to go on with it. `devices` are the node's: the tunnel's port is not published.
std::optional<std::string> published_config(const std::string& text, const LeaseAttributes& published,
                                            const std::vector<Device>& devices);

}  // namespace flanneld
