// The mark of a lease: the text that says which attachment holds the address.
#pragma once

#include <string>
#include <string_view>

#include "common/cni/request.h"

namespace ipam {

/// "<container id>\r\n<interface>", without white space at its ends.
std::string lease_mark(const cni::Attachment& attachment);

/// The mark as host-local wrote it before it knew interfaces: the container id alone.
std::string legacy_mark(const cni::Attachment& attachment);

/// The container id that a mark begins with.
std::string_view container_of(std::string_view mark);

/// For people: "container 'abc', interface 'eth0'".
std::string describe_mark(std::string_view mark);

}  // namespace ipam
