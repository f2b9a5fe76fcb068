// The IPAM verbs as functions, for flannel-ipam's main() and for the flannel plugin, which calls them
// in its own process. `ipam.type` is not judged: host-local's configurations are served as they are.
#pragma once

#include "cni-ipam/store/machine.h"
#include "common/cni/request.h"
#include "common/cni/result.h"

namespace ipam {

/// Takes an address out of each range set for the request's attachment. The result has ips, routes
/// and dns. Nothing is held after it throws. Throws cni::Error.
cni::Result add(const cni::Request& request, const Machine& machine = {});

/// Releases all that the attachment holds, whatever the ranges say. What is gone already is success,
/// and a store that does not exist is not made. Tries all, then reports. Throws cni::Error.
void del(const cni::Request& request, const Machine& machine = {});

/// Throws cni::Error(check_failed) when the attachment holds no address, or when an address of
/// prevResult that lies in our ranges is not held by it.
void check(const cni::Request& request, const Machine& machine = {});

/// Releases what is held by no valid attachment. Throws cni::Error.
void gc(const cni::Request& request, const Machine& machine = {});

/// Throws cni::Error(not_available) when the configuration or the store would fail every ADD. A full range
/// and a busy lock are no such thing: the runtime would take the node, and the pods that run on it, for
/// broken. Changes nothing.
void status(const cni::Request& request, const Machine& machine = {});

}  // namespace ipam
