// Files in the store of flannel-ipam, which others write too; the first byte says what the machine's clock
// tells.
#include <string>

#include "cni-ipam/allocator.h"
#include "cni-ipam/store/disk_store.h"
#include "cni-ipam/store/lease_mark.h"
#include "cni-ipam/store/range.h"
#include "common/base/error.h"
#include "common/cni/error.h"
#include "tests/fuzz/decoders.h"
#include "tests/fuzz/temp_dir.h"

namespace {

using ipam::DiskStore;

const std::vector<ipam::RangeSet>& sets() {
  static const std::vector<ipam::RangeSet> sets{
      {ipam::make_range({*base::IpNet::parse("10.1.0.0/29"), {}, {}, {}})},
      {ipam::make_range({*base::IpNet::parse("fd00::/125"), {}, {}, {}})}};
  return sets;
}

/// Adds and takes back, and looks whether the two agree.
void use(const std::string& path, const ipam::Machine& machine, const cni::Attachment& attachment) {
  const auto store = DiskStore::open(path, DiskStore::Mode::create, machine);
  const std::string mark = ipam::lease_mark(attachment);
  std::vector<ipam::Allocation> got;
  try {
    got = ipam::allocate(sets(), {}, attachment, *store);
  } catch (const cni::Error&) {  // all taken, or held by this owner already
    return;
  }
  const auto held = store->held_by(mark);
  for (const ipam::Allocation& one : got) {
    fuzz::promise(std::find(held.begin(), held.end(), one.address.address) != held.end(),
                  "what was taken is held");
    fuzz::promise(store->mark_of(one.address.address) == mark, "and bears its owner's mark");
    store->release(one.address.address, mark);
  }
}

}  // namespace

void fuzz::ipam_store(std::string_view input) {
  static const TempDir temporary;
  if (input.empty()) return;
  ipam::Machine machine;
  machine.state_directory = temporary.fresh("run");
  machine.boot_id = [] { return std::string("boot"); };
  const int64_t boot_time = input[0] & 1 ? INT64_MAX / 2 : 0;
  machine.boot_time = [boot_time] { return std::optional(boot_time); };
  const std::string path = temporary.fresh("cbr0");
  {
    const base::UniqueFd dir = base::open_directory(path);
    put_entries(dir.get(), input.substr(1));
  }
  try {
    if (const auto look = DiskStore::open(path, DiskStore::Mode::look, machine, std::chrono::seconds(1)))
      for (const ipam::RangeSet& set : sets())
        promise(look->usage(set).held <= 8, "no more is held than there is");
    use(path, machine, {"c1", "eth0"});
    use(path, machine, {"c2", "eth0"});
    const auto store = DiskStore::open(path, DiskStore::Mode::existing, machine);
    store->collect([](const std::string& mark) { return mark.starts_with("live"); });
  } catch (const cni::Error&) {  // something in the place of the lock, or that cannot be removed
  }
}
