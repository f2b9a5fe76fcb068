// Tells systemd how the service does (sd_notify(3)), over the socket that NOTIFY_SOCKET names.
#pragma once

#include <string_view>

namespace flanneld {

/// Sends for example "READY=1\nSTATUS=…". False if there is no socket or it cannot be sent, which is no
/// failure.
bool notify_service_manager(std::string_view state);

}  // namespace flanneld
