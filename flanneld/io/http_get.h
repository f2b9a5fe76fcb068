// Whether somebody answers on a TCP port: for commands, which may wait. Not for use on the event loop.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace flanneld {

struct Endpoint {
  std::string host;
  uint16_t port = 0;
};

/// Host and port of "http://host:2379/…"; nullopt if it is no such URL.
std::optional<Endpoint> parse_endpoint(const std::string& url);

/// Why no connection can be made within two seconds; nullopt if it can.
std::optional<std::string> connect_failure(const Endpoint& endpoint);

struct HttpReply {
  int status = 0;
  std::string body;
};

/// A plain GET, two seconds at most for each step; nullopt when the answer is not HTTP or none comes.
std::optional<HttpReply> http_get(const Endpoint& endpoint, const std::string& path);

}  // namespace flanneld
