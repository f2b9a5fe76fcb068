// Kernel settings under /proc/sys. Those below net/ belong to the network namespace that the process
// is in when the file is opened.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/netlink/link.h"

namespace netlink {

/// The value without its newline; nullopt when there is no such setting (IPv6 switched off, say).
std::optional<std::string> read_sysctl(const std::string& name);

/// Sets `name` ("net/ipv4/ip_forward"). Throws SystemError.
void write_sysctl(const std::string& name, std::string_view value);

/// Sets `name` unless it has that value; false if there is no such setting.
bool ensure_sysctl(const std::string& name, std::string_view value);

/// Sets `name` where that can be: for a setting that the kernel may lack and that only makes things better.
void try_sysctl(const std::string& name, std::string_view value);

/// Makes this host ignore router advertisements that come in on `link`. False when it goes on to take them
/// because the setting cannot be written (a read-only /proc/sys).
bool refuse_router_advertisements(const Link& link);

}  // namespace netlink
