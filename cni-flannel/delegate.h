// Who makes the attachment that a rendered configuration describes: a built-in delegate, or a program in
// CNI_PATH. Each verb gets that configuration as `request.config`.
#pragma once

#include <memory>

#include "cni-flannel/conf.h"
#include "cni-flannel/pod/container.h"
#include "common/cni/plugin_main.h"
#include "common/cni/request.h"

namespace flannel {

class Delegate {
 public:
  virtual ~Delegate() = default;

  /// For ADD and STATUS: what the configuration of the call says.
  static std::unique_ptr<Delegate> for_add(const PluginTypes& types, const cni::Request& request);
  /// For attachments that exist: by the types `stored` in their scratch file. See Ipam::for_existing about
  /// `written`, the types in the configuration of the call.
  static std::unique_ptr<Delegate> for_existing(const PluginTypes& stored, const PluginTypes& written,
                                                const cni::Request& request);

  /// Makes the attachment; leaves nothing behind when it throws. `env`: what the node's agent says.
  [[nodiscard]] virtual cni::AddAnswer add(const cni::Request& request, Container& container,
                                           const SubnetEnv& env) const = 0;
  virtual void del(const cni::Request& request) const = 0;
  virtual void check(const cni::Request& request) const = 0;
  virtual void gc(const cni::Request& request) const = 0;
  virtual void status(const cni::Request& request, const SubnetEnv& env) const = 0;
};

}  // namespace flannel
