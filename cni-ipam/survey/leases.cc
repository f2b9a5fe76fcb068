#include "cni-ipam/survey/leases.h"

#include <algorithm>
#include <cerrno>

#include "cni-ipam/store/lease_mark.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/printable.h"
#include "common/base/text.h"

namespace ipam {

std::vector<std::string> find_stores(const std::string& data_directory) {
  std::vector<std::string> stores;
  const base::UniqueFd dir = base::open_directory(data_directory);
  if (!dir.valid()) return stores;
  for (const std::string& name : base::list_directory(dir.get())) {
    std::string path = fmt::format("{}/{}", data_directory, name);
    try {
      if (base::open_directory(path).valid()) stores.push_back(std::move(path));
    } catch (const base::SystemError& error) {
      if (error.error_number() != ENOTDIR) throw;
    }
  }
  std::sort(stores.begin(), stores.end());
  return stores;
}

std::vector<HeldLease> read_leases(const std::string& store) {
  const base::UniqueFd dir = base::open_directory(store);
  if (!dir.valid()) throw base::SystemError(ENOENT, fmt::format("open directory '{}'", store));
  std::vector<HeldLease> leases;
  for (const std::string& name : base::list_directory(dir.get())) {
    const auto address = lease_address(name);
    if (!address) continue;
    const LeaseFile file = read_lease(dir.get(), name, LeaseTime::read);
    if (file.state == LeaseFile::State::absent) continue;
    const std::string_view mark = file.mark;
    const std::string_view container = container_of(mark);
    const auto modified =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::nanoseconds(file.modified));
    leases.push_back({.store = store,
                      .address = *address,
                      .state = file.state,
                      .container = base::printable(container),
                      .interface = base::printable(base::trimmed(mark.substr(container.size()))),
                      .since = std::chrono::sys_seconds{modified}});
  }
  std::sort(leases.begin(), leases.end(),
            [](const HeldLease& a, const HeldLease& b) { return a.address < b.address; });
  return leases;
}

bool is_held(const std::string& store, const base::IpAddress& address) {
  const base::UniqueFd dir = base::open_directory(store);
  return dir.valid() && read_lease(dir.get(), address.str()).state != LeaseFile::State::absent;
}

}  // namespace ipam
