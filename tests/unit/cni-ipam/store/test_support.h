// What the tests of the store on disk share: its calls as an owner makes them. Not for tests of one verb
// alone.
#pragma once

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <memory>
#include <string>
#include <vector>

#include "cni-ipam/store/disk_store.h"
#include "cni-ipam/store/lease_index.h"
#include "tests/unit/cni-ipam/test_support.h"

namespace ipam_test {

inline const ipam::Owner kA{"a", "eth0"};
inline const ipam::Owner kB{"b", "eth0"};

inline std::unique_ptr<ipam::DiskStore> open_store(
    const Node& node, ipam::DiskStore::Mode mode = ipam::DiskStore::Mode::create) {
  return ipam::DiskStore::open(node.store, mode, node.machine, std::chrono::seconds(1));
}

inline void reserve(const Node& node, const std::string& address, const ipam::Owner& owner) {
  REQUIRE(open_store(node)->reserve(ip(address), owner));
}

inline std::vector<base::IpAddress> held(const Node& node, const ipam::Owner& owner) {
  return open_store(node)->find_all(owner.mark(), {});
}

/// Whether the next call believes the index.
inline bool index_is_believed(const Node& node) {
  struct stat status {};
  REQUIRE(::stat(node.store.c_str(), &status) == 0);
  const auto index = ipam::LeaseIndex::open(ipam::index_path(node.machine.state_directory, node.store),
                                            {node.machine.boot_id(), status.st_dev, status.st_ino}, false);
  return index && index->mark() == status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
}

}  // namespace ipam_test
