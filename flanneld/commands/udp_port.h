// Which process receives on a UDP port.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace flanneld {

/// The inodes of the sockets on a port, out of the text of /proc/net/udp and udp6.
std::vector<std::string> inodes_of_port(uint16_t port, std::string_view tables);

/// "1234 (name)" of a process that has one of the sockets open; nullopt if none is found among the processes
/// that this one may look at.
std::optional<std::string> find_socket_owner(const std::vector<std::string>& inodes);

}  // namespace flanneld
