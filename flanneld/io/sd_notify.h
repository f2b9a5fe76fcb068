// Tells systemd how the service does (sd_notify(3)), over the socket that NOTIFY_SOCKET names.
#pragma once

#include <string_view>

namespace flanneld {

/// Sends e.g. "READY=1\nSTATUS=…"; false when nobody listens or it cannot be told, which is no failure.
bool notify_service_manager(std::string_view state);

}  // namespace flanneld
