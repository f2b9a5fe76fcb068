// Finds the servers of an etcd cluster by the DNS, in the records that etcd's own clients use.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "flanneld/io/event_loop.h"
#include "flanneld/io/result.h"
#include "flanneld/io/srv_lookup.h"
#include "flanneld/lease/subnet_allocator.h"

namespace flanneld {

/// Records of one priority and weight in any order: all nodes get the same ones, and begin with the first.
void mix(std::vector<SrvRecord>& records, const RandomBelow& random = random_below);

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
