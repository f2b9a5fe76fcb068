// HTTP requests that wait for their answer, for commands. Not for use on the event loop.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "flanneld/io/http_client.h"

namespace flanneld {

/// Sends a GET and waits for the whole answer, at most `limit`. An answer of more than 64 MiB is an error.
/// Throws SystemError when there is no memory.
HttpResult http_get(const std::string& url, std::chrono::milliseconds limit);

/// The time by the clock of an HTTP server, as it answers a request without credentials, whatever it says to
/// that; nullopt if it does not within `limit`. A certificate is not looked at: a wrong clock refuses them
/// all.
std::optional<std::chrono::sys_seconds> server_time(const std::string& url, std::chrono::milliseconds limit);

/// Why no TCP connection to the URL's host and port can be made within `limit`; nullopt if it can. No TLS is
/// spoken.
std::optional<std::string> connect_failure(const std::string& url, std::chrono::milliseconds limit);

}  // namespace flanneld
