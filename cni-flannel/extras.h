// What a runtime may ask of the built-in delegate beside the interface: host ports and limits, which
// otherwise plugins behind flannel serve. The capabilities `portMappings` and `bandwidth` of flannel's
// configuration have the runtime pass them.
#pragma once

#include <optional>
#include <string>

#include "cni-flannel/bandwidth/limits.h"
#include "cni-flannel/hostport/mappings.h"
#include "common/cni/request.h"
#include "common/netlink/socket.h"

namespace flannel {

struct Extras {
  hostport::Conf ports;
  bandwidth::Limits limits;

  /// Throws cni::Error for what cannot be.
  static Extras parse(const cni::Request& request);
  [[nodiscard]] bool any() const { return !ports.mappings.empty() || limits.any(); }
};

/// Serves them for the attachment that `result` describes, which gets what is new of interfaces; after a
/// failure what there is goes with the two that remove them.
void add_extras(const cni::Request& request, const Extras& extras, cni::Result& result);

/// Whether the configuration, as ADD stored it, asks for any.
bool asks_for_extras(const json::Value& config);

/// Both remove what ADD made by the configuration that it stored, `request.config`. remove_ports() returns
/// what hostport::close_ports() does.
std::optional<netlink::NetlinkSocket> remove_ports(const cni::Request& request);
void remove_limits(const cni::Request& request);

/// Throws cni::Error(check_failed) at the first difference.
void check_extras(const cni::Request& request, const Extras& extras, const cni::Result& result);

/// Removes what of both belongs to no valid attachment of the network, if the configuration says that flannel
/// serves them.
void collect_extras(const cni::Request& request);

/// Throws what ADD would throw for each pod that asks for them.
void check_extras_available(const cni::Request& request);

}  // namespace flannel
