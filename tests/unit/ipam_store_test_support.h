// What the tests of the store on disk share: its calls as an owner makes them. Not for tests of one verb
// alone.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "cni-ipam/disk_store.h"
#include "ipam_test_support.h"

namespace ipam_test {

inline const ipam::Owner kA{"a", "eth0"};
inline const ipam::Owner kB{"b", "eth0"};

inline std::unique_ptr<ipam::DiskStore> open_store(
    const Node& node, ipam::DiskStore::Mode mode = ipam::DiskStore::Mode::create) {
  return ipam::DiskStore::open(node.store, mode, node.machine, 1);
}

inline void reserve(const Node& node, const std::string& address, const ipam::Owner& owner) {
  REQUIRE(open_store(node)->reserve(ip(address), owner));
}

inline std::vector<base::IpAddress> held(const Node& node, const ipam::Owner& owner) {
  return open_store(node)->find_all(owner.mark(), {});
}

}  // namespace ipam_test
