// Addresses for an attachment: the IPAM plugin, a program in CNI_PATH. `flannel-ipam` is linked in as well,
// for nodes that lack its program.
#pragma once

#include <memory>
#include <string>

#include "common/cni/request.h"
#include "common/cni/result.h"

namespace flannel {

/// A running ADD of the IPAM plugin, and the addresses that it leases.
class AddressRequest {
 public:
  AddressRequest() = default;
  AddressRequest(const AddressRequest&) = delete;
  AddressRequest& operator=(const AddressRequest&) = delete;
  /// Releases the addresses, also those of an ADD that failed or was not waited for, unless keep() was
  /// called.
  virtual ~AddressRequest() = default;
  /// Waits for the addresses.
  virtual cni::Result finish() = 0;
  void keep() { is_to_undo_ = false; }

 protected:
  bool is_to_undo_ = true;
};

class Ipam {
 public:
  virtual ~Ipam() = default;

  /// For ADD and STATUS. `type` is `ipam.type` as the operator wrote it, empty for none.
  static std::unique_ptr<Ipam> for_add(const std::string& type, const cni::Request& request);
  /// For attachments that exist: `stored` is the type in their scratch file, `written` the one in the
  /// configuration of this call. Where both name plugins of the one store, the written one is called.
  static std::unique_ptr<Ipam> for_existing(const std::string& stored, const std::string& written,
                                            const cni::Request& request);

  /// Whether addresses of that type are in the store of flannel-ipam, which is host-local's.
  static bool is_of_our_store(const std::string& type);

  /// Asks for addresses without waiting for them. `request` must outlive the answer.
  [[nodiscard]] virtual std::unique_ptr<AddressRequest> start_add(const cni::Request& request) const = 0;
  virtual void del(const cni::Request& request) const = 0;
  virtual void check(const cni::Request& request) const = 0;
  virtual void gc(const cni::Request& request) const = 0;
  virtual void status(const cni::Request& request) const = 0;
};

}  // namespace flannel
