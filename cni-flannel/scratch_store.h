// The scratch files: the delegate's configuration as ADD rendered it, kept for DEL.
// Upstream's form and place is `<dataDir>/<containerID>`, one file for a container, and so is that of a
// container's first attachment here: upstream's plugin can undo what this one did, and leaves nothing. The
// file is marked with the interface, so that it is not taken for another attachment's. Those have files of
// their own, `<dataDir>/<containerID>:<ifname>`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cni-ipam/store/machine.h"
#include "common/base/unique_fd.h"
#include "common/cni/request.h"

namespace flannel {

class ScratchStore {
 public:
  /// Touches nothing yet; a directory that is absent is made by the first save().
  ScratchStore(std::string directory, std::string network)
      : directory_(std::move(directory)), network_(std::move(network)) {}

  /// Stores `config`; false if the attachment has a file already, which stays as it is.
  bool save(const cni::Attachment& attachment, const json::Value& config);

  /// Stores `config`, in place of an earlier one if there is one.
  void replace(const cni::Attachment& attachment, const json::Value& config);

  /// On the first call of a boot, removes the files that an earlier one left: no pod survives a reboot.
  /// Those of other delegates and IPAM plugins stay for their DEL: what these keep may have survived.
  /// Never throws; in doubt a file stays.
  void take_back_dead(const ipam::Machine& machine) noexcept;

  /// Whether an attachment to the network, made in this boot, has not been deleted: pods run here. In doubt
  /// yes.
  [[nodiscard]] bool has_attachments(const ipam::Machine& machine) const;

  /// What was saved; nullopt when there is none, also for a torn or oversized file.
  std::optional<json::Value> load(const cni::Attachment& attachment);

  /// Removes the attachment's file; nothing happens when there is none.
  void remove(const cni::Attachment& attachment);

  /// Every attachment that has a file. One that upstream wrote has an empty ifname.
  std::vector<cni::Attachment> list();

 private:
  /// Whether the files have been judged in this boot.
  [[nodiscard]] bool is_swept(const ipam::Machine& machine, const std::string& boot_id) const;
  [[nodiscard]] std::string marked_ifname(const std::string& name) const;
  [[nodiscard]] std::string name_of(int dir_fd, const cni::Attachment& attachment) const;
  std::string directory_;
  std::string network_;
};

}  // namespace flannel
