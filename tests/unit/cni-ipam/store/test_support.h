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
#include "cni-ipam/store/lease_mark.h"
#include "common/base/clock.h"
#include "tests/unit/cni-ipam/test_support.h"

namespace ipam_test {

using ipam::lease_mark;

inline const cni::Attachment kA{"a", "eth0"};
inline const cni::Attachment kB{"b", "eth0"};

inline std::unique_ptr<ipam::DiskStore> open_store(
    const Node& node, ipam::DiskStore::Mode mode = ipam::DiskStore::Mode::create) {
  return ipam::DiskStore::open(node.store, mode, node.machine, std::chrono::seconds(1));
}

inline void reserve(const Node& node, const std::string& address, const cni::Attachment& owner) {
  REQUIRE(open_store(node)->reserve(ip(address), lease_mark(owner)));
}

inline std::vector<base::IpAddress> held(const Node& node, const cni::Attachment& owner) {
  return open_store(node)->find_all(lease_mark(owner), {});
}

/// Whether the next call believes the index.
inline bool index_is_believed(const Node& node) {
  struct stat status {};
  REQUIRE(::stat(node.store.c_str(), &status) == 0);
  const auto index = ipam::LeaseIndex::open(ipam::index_path(node.machine.state_directory, node.store),
                                            {node.machine.boot_id(), status.st_dev, status.st_ino},
                                            ipam::LeaseIndex::Access::read);
  return index && index->sealed_at() == base::nanoseconds(status.st_mtim);
}

}  // namespace ipam_test
