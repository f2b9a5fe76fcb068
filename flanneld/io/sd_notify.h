// Tells systemd how the service does (sd_notify(3)), over the socket that NOTIFY_SOCKET names.
#pragma once

#include <string_view>

namespace flanneld {

enum class Notified {
  yes,
  nobody,  ///< there is no socket, or nobody listens there: no failure
  not_now  ///< it has taken nothing for so long that its queue is full
};

/// Sends for example "READY=1\nSTATUS=…". Never blocks.
Notified notify_service_manager(std::string_view state);

}  // namespace flanneld
