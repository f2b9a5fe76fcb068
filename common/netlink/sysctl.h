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

/// Sets `name` where that can be: for a setting that the kernel may lack, or that cannot be written where
/// /proc/sys is read-only, and that only makes things better. False when it was not set.
bool try_sysctl(const std::string& name, std::string_view value);

/// Whether write_sysctl() would find it writable; false as well when there is no such setting.
bool can_write_sysctl(const std::string& name);

/// Makes this host ignore router advertisements that come in on `link`. False when it goes on to take them
/// because the setting cannot be written (a read-only /proc/sys).
bool refuse_router_advertisements(const Link& link);

/// Lets `link` have IPv6 addresses although IPv6 is switched off there (disable_ipv6). False when it stays
/// off because the setting cannot be written.
bool enable_ipv6(const Link& link);

}  // namespace netlink
