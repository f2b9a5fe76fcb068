#include "cni-ipam/holders.h"

#include <set>

#include "cni-ipam/conf.h"
#include "cni-ipam/store/disk_store.h"
#include "cni-ipam/store/lease_file.h"
#include "cni-ipam/store/lease_mark.h"
#include "common/base/file.h"

namespace ipam {

std::vector<std::string> containers_within(const cni::Request& request, const base::IpNet& net) {
  std::set<std::string> containers;
  const base::UniqueFd dir = base::open_directory(store_directory(request));
  if (!dir.valid()) return {};
  for (const std::string& name : base::list_directory(dir.get())) {
    const auto address = lease_address(name);
    if (!address || !net.contains(*address)) continue;
    const LeaseFile lease = read_lease(dir.get(), name);
    const std::string container(container_of(lease.mark));
    if (cni::is_valid_identifier(container)) containers.insert(container);
  }
  return {containers.begin(), containers.end()};
}

std::vector<base::IpAddress> addresses_of(const cni::Request& request) {
  const auto store = DiskStore::open(store_directory(request), DiskStore::Mode::look, Machine());
  if (!store) return {};
  for (const std::string& mark : {lease_mark(request.attachment), legacy_mark(request.attachment)})
    if (auto addresses = store->held_by(mark); !addresses.empty()) return addresses;
  return {};
}

bool is_leased_to(const cni::Request& request, const base::IpAddress& address) {
  const base::UniqueFd dir = base::open_directory(store_directory(request));
  if (!dir.valid()) return false;
  const std::string mark = read_lease(dir.get(), address.str()).mark;
  return mark == lease_mark(request.attachment) || mark == legacy_mark(request.attachment);
}

}  // namespace ipam
