// Addresses for an attachment. `flannel-ipam` is linked in and runs in this process; any other IPAM
// plugin is a program in CNI_PATH.
#pragma once

#include <string>

#include "common/cni/request.h"

namespace flannel {

class Ipam {
 public:
  /// For making attachments. `type` is `ipam.type` as the operator wrote it, empty for none.
  /// `host-local` is honoured by that program if CNI_PATH has it, else by ours.
  static Ipam configured(const std::string& type, const cni::Request& request);
  /// For attachments that exist. `host-local` keeps the same store as ours, so ours does its work.
  static Ipam stored(const std::string& type);

  /// Whether that is the one in this process.
  static bool is_built_in(const std::string& type);

  /// Leaves no address behind when it throws.
  [[nodiscard]] cni::Result add(const cni::Request& request) const;
  void del(const cni::Request& request) const;
  void check(const cni::Request& request) const;
  void gc(const cni::Request& request) const;
  void status(const cni::Request& request) const;

 private:
  explicit Ipam(std::string program) : program_(std::move(program)) {}
  std::string program_;  ///< empty: built in
};

}  // namespace flannel
