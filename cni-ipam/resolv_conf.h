// resolver(5)'s file as host-local reads it into a result's `dns`.
#pragma once

#include <string>
#include <string_view>

#include "common/cni/result.h"

namespace ipam {

/// Keywords that it does not know are skipped; nothing in the text is an error.
cni::Dns parse_resolv_conf(std::string_view text);

/// Throws cni::Error(io_failure) when the file cannot be read.
cni::Dns read_resolv_conf(const std::string& path);

}  // namespace ipam
