// Which names a request may call the status server by. A page of a foreign site can let its own name point to
// this node (DNS rebinding) and read in a browser what the node answers; the request then has that name as
// its Host. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace flanneld {

/// What the node is called by those who administer it.
struct NodeNames {
  std::string host;                  ///< its host name, with or without a domain
  std::vector<std::string> domains;  ///< that the resolver adds to short names

  /// Of this node, as the kernel and /etc/resolv.conf say now; empty where they say nothing.
  static NodeNames read();
};

/// The domains in a resolv.conf(5).
std::vector<std::string> search_domains(std::string_view resolv_conf);

/// Whether a Host header with this value is nobody else's name: an address, localhost, or the node's name
/// alone or in its own or one of its domains; with or without a port.
bool is_own_host(std::string_view value, const NodeNames& names);

}  // namespace flanneld
