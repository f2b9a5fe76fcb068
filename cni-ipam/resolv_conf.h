// Reads a file in resolv.conf(5)'s form into a result's `dns`, as host-local does.
#pragma once

#include <string>
#include <string_view>

#include "common/cni/result.h"

namespace ipam {

/// Skips unknown keywords; no text is an error.
cni::Dns parse_resolv_conf(std::string_view text);

/// Throws cni::Error(io_failure) when the file cannot be read.
cni::Dns read_resolv_conf(const std::string& path);

}  // namespace ipam
