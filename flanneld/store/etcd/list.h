// Reads all entries below a prefix of etcd as they are at one revision, page by page: neither many entries
// nor large ones take more memory than a page. Pages that are too long are asked for again in smaller ones,
// and an entry that is too long for a page of its own is passed over by its name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "flanneld/store/etcd/calls.h"

namespace flanneld {

/// What a list says beside the entries.
struct EtcdListEnd {
  int64_t revision = 0;
  std::string cluster;  ///< as in EtcdRange
  int64_t count = 0;    ///< of the entries, those that were passed over included
};

class EtcdList {
 public:
  struct Handlers {
    /// The list begins: what was told of it before does not count.
    std::function<void()> begins;
    std::function<void(const EtcdKeyValue&)> entry;     ///< in the order of keys
    std::function<void(const EtcdKeyValue&)> too_long;  ///< an entry that no page can hold, without value
    /// Called once, and may destroy the list.
    std::function<void(const Result<EtcdListEnd>&)> done;
  };

  EtcdList(EtcdCalls& etcd, std::string prefix, Handlers handlers);

  void begin();

 private:
  void ask();
  void take(const Result<EtcdRange>& answer);
  void take_entries(const EtcdRange& range);
  void shrink();
  void end(const Result<EtcdListEnd>& outcome);

  EtcdCalls& etcd_;
  std::string prefix_;
  Handlers handlers_;
  EtcdPage page_;    ///< that is asked for
  EtcdListEnd end_;  ///< as far as it is known
  int begun_ = 0;    ///< times
};

}  // namespace flanneld
