// The verbs of the `flannel` plugin: configuration and subnet.env in, work of the delegate out.
#pragma once

#include "cni-flannel/conf.h"
#include "common/cni/plugin_main.h"
#include "common/cni/request.h"

namespace flannel {

cni::AddAnswer add(const cni::Request& request);
void del(const cni::Request& request);
void check(const cni::Request& request);
void gc(const cni::Request& request);
/// Throws cni::Error(not_available) while no pod can be served here, unless that may pass and pods run here.
void status(const cni::Request& request);

/// Takes down one attachment by the configuration that ADD stored, with the delegate of that time.
/// `written`: the types in the configuration of this call.
void tear_down(const cni::Request& request, const PluginTypes& written, const json::Value& config);

}  // namespace flannel
