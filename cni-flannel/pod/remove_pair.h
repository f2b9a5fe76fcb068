// Removes the veth pair of an attachment, and no other's: the path of a namespace may by now lead to another
// pod, because it was used again or names a process whose number was.
#pragma once

#include <optional>
#include <string>

#include "common/cni/request.h"

namespace flannel {

/// Removes the attachment's veth pair by its host's end, whatever CNI_NETNS leads to. One that the reference
/// made bears no name: it is found by `prevResult`, or in CNI_NETNS by the address that the attachment has
/// leased, or without any when an ADD was killed. Returns the name of the host's end; nullopt when there is
/// none.
std::optional<std::string> remove_pair(const cni::Request& request);

/// `prevResult`; nullopt also for one that cannot be read: that must not keep an attachment alive.
std::optional<cni::Result> lenient_result(const cni::Request& request);

}  // namespace flannel
