// Finds the servers of an etcd cluster by the DNS, in the records that etcd's own clients use.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "flanneld/io/event_loop.h"
#include "flanneld/io/result.h"
#include "flanneld/io/srv_lookup.h"

namespace flanneld {

/// The URLs of the servers in the records of _etcd-client-ssl._tcp and, behind them, of _etcd-client._tcp.
std::vector<std::string> etcd_urls(const SrvLookup::Records& records);

class EtcdDiscovery {
 public:
  using Done = std::function<void(const Result<std::vector<std::string>>& urls)>;

  EtcdDiscovery(EventLoop& loop, std::string domain) : domain_(std::move(domain)), lookup_(loop) {}

  [[nodiscard]] const std::string& domain() const { return domain_; }
  /// `done` is called once, from the event loop. Without any server it is a failure.
  void find(const Done& done);

 private:
  std::string domain_;
  SrvLookup lookup_;
};

}  // namespace flanneld
