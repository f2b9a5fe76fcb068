// The index file. Behind 'r' it is the input itself; else a whole one with some leases, in which each three
// bytes of the input damage a byte: offset, low byte first, and value.
#include "cni-ipam/store/lease_index.h"

#include <string>

#include "common/base/error.h"
#include "tests/fuzz/decoders.h"
#include "tests/fuzz/temp_dir.h"

namespace {

using base::IpAddress;

const ipam::StoreIdentity kIdentity{"boot", 1, 2};

std::string whole_index(const std::string& path) {
  ipam::LeaseIndex index(kIdentity);
  IpAddress address = *IpAddress::parse("10.1.0.1");
  for (int i = 0; i < 70; ++i, address = address.next())
    index.insert(address, "c" + std::to_string(i % 3) + "\r\neth0");
  index.erase(*IpAddress::parse("10.1.0.5"), "c1\r\neth0");
  index.seal(1);
  index.publish(path);
  return base::read_file(path, 1 << 20).value();
}

void use(ipam::LeaseIndex& index) {
  const IpAddress first = *IpAddress::parse("10.1.0.1"), last = *IpAddress::parse("10.1.1.254");
  for (const char* mark : {"c1\r\neth0", "c2\r\neth0", ""}) static_cast<void>(index.find(mark));
  static_cast<void>(index.count(first, last));
  std::vector<uint64_t> containers;
  index.containers(first, last, containers);
  if (const auto free = index.first_free(first, last)) {
    fuzz::promise(first <= *free && *free <= last, "a free address is in its range");
    fuzz::promise(!index.is_taken(*free), "a free address is not taken");
    index.insert(*free, "c1\r\neth0");
    index.erase(*free, "c1\r\neth0");
  }
  for (IpAddress at = first; at < *IpAddress::parse("10.1.0.40"); at = at.next())
    index.insert(at, "c1\r\neth0");
  index.erase(first, "c1\r\neth0");
}

}  // namespace

void fuzz::lease_index(std::string_view input) {
  static const TempDir temporary;
  const std::string path = temporary.path() + "/cbr0.index";
  static const std::string whole = whole_index(path);
  if (input.empty()) return;
  std::string bytes = whole;
  if (input[0] == 'r') bytes = input.substr(1);
  for (size_t at = 0; input[0] != 'r' && at + 2 < input.size(); at += 3) {
    const auto offset = static_cast<unsigned char>(input[at]) | static_cast<unsigned char>(input[at + 1])
                                                                    << 8;
    bytes[static_cast<size_t>(offset) % bytes.size()] = input[at + 2];
  }
  base::write_file_atomic(path, bytes, 0600);
  for (const auto access : {ipam::LeaseIndex::Access::read, ipam::LeaseIndex::Access::write})
    if (auto index = ipam::LeaseIndex::open(path, kIdentity, access)) use(*index);
}
