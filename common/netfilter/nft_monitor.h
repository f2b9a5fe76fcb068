// Being told of nftables changes, whoever makes them. Says where something changed, not what: kube-proxy
// may change its tables hundreds of times a second, and who listens to another table has to skip that fast.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "common/base/unique_fd.h"
#include "common/netfilter/nft_table.h"

namespace netfilter {

/// The strings live as long as the callback runs.
struct NftChange {
  NftFamily family = NftFamily::inet;
  std::string_view table;
  std::string_view chain;  ///< empty: the table itself, or a set
  bool is_base = false;    ///< a base chain came, went or changed
};

class NftMonitor {
 public:
  /// Subscribes in the current namespace. Throws SystemError.
  NftMonitor();

  /// Readable when there is something to drain.
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// Shows what has changed since the last call, at most some hundreds of messages, without waiting.
  /// False when the kernel had to drop notifications.
  bool drain(const std::function<void(const NftChange&)>& visit);

 private:
  base::UniqueFd fd_;
};

}  // namespace netfilter
