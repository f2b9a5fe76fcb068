// The built-in delegates as plugins of their own, `bridge` and `ptp`, for lists that do not name flannel: the
// configuration of the call is theirs, and there is no subnet.env.
#pragma once

#include <string>

#include "cni-flannel/conf.h"
#include "common/cni/plugin_main.h"
#include "common/cni/request.h"

namespace flannel::standalone {

/// `type` is kBridgeDelegate or kPtpDelegate. Throws cni::Error, for a network without `ipam` too.
cni::AddAnswer add(const std::string& type, const cni::Request& request);
void del(const std::string& type, const cni::Request& request);
void check(const std::string& type, const cni::Request& request);
void gc(const std::string& type, const cni::Request& request);
void status(const std::string& type, const cni::Request& request);

/// The verbs of the plugin that is called `name`.
template <const auto& name>
cni::Plugin plugin(const char* purpose) {
  return {.name = name,
          .purpose = purpose,
          .add = [](const cni::Request& request) { return add(name, request); },
          .del = [](const cni::Request& request) { del(name, request); },
          .check = [](const cni::Request& request) { check(name, request); },
          .gc = [](const cni::Request& request) { gc(name, request); },
          .status = [](const cni::Request& request) { status(name, request); }};
}

}  // namespace flannel::standalone
