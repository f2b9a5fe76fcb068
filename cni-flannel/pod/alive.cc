#include "cni-flannel/pod/alive.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/text.h"
#include "common/json/json.h"

namespace flannel {
namespace {

constexpr const char* kResults = "/var/lib/cni/results";    // libcni's cache: NETWORK-CONTAINERID-IFNAME
constexpr const char* kNetworks = "/var/lib/cni/networks";  // host-local's stores: NETWORK/ADDRESS
constexpr size_t kMaxResultBytes = 1 << 20, kMaxLeaseBytes = 4096;

/// The first of libcni's files about the container.
std::optional<std::string> find_result(const std::string& container_id) {
  const base::UniqueFd directory = base::open_directory(kResults);
  if (!directory.valid()) return std::nullopt;
  const std::string part = fmt::format("-{}-", container_id);
  std::optional<std::string> found;
  base::for_each_name(directory.get(), [&](std::string_view name) {
    if (!found && name.find(part) != std::string_view::npos)
      found = base::read_file_at(directory.get(), std::string(name), kMaxResultBytes);
  });
  return found;
}

/// Shows each of host-local's stores.
void for_each_store(const std::function<void(int store)>& visit) {
  const base::UniqueFd networks = base::open_directory(kNetworks);
  if (!networks.valid()) return;
  base::for_each_name(networks.get(), [&](std::string_view network) {
    const base::UniqueFd store = base::open_directory(fmt::format("{}/{}", kNetworks, network));
    if (store.valid()) visit(store.get());
  });
}

/// The container that has the lease; empty if there is none of that name.
std::string holder_of(int store, const std::string& name) {
  const auto lease = base::read_file_at(store, name, kMaxLeaseBytes);
  return lease ? std::string(base::trimmed(base::split(*lease, '\n').front())) : std::string();
}

/// The containers that have leased the address, in all stores; nullopt if there is no store.
std::optional<std::vector<std::string>> holders_of(const base::IpAddress& address) {
  std::optional<std::vector<std::string>> holders;
  for_each_store([&](int store) {
    if (!holders) holders.emplace();
    if (std::string holder = holder_of(store, address.str()); !holder.empty())
      holders->push_back(std::move(holder));
  });
  return holders;
}

bool has_lease(const std::string& container_id) {
  bool found = false;
  for_each_store([&](int store) {
    base::for_each_name(store, [&](std::string_view name) {
      found = found || (base::IpAddress::parse(name) && holder_of(store, std::string(name)) == container_id);
    });
  });
  return found;
}

}  // namespace

bool may_live(const std::string& container_id, const base::IpAddress& address) {
  if (find_result(container_id)) return true;
  const auto holders = holders_of(address);
  return !holders || std::find(holders->begin(), holders->end(), container_id) != holders->end();
}

bool may_be_attached(const std::string& container_id) try {
  return !base::open_directory(kResults).valid() || find_result(container_id) || has_lease(container_id);
} catch (const base::SystemError&) {
  return true;
}

bool may_be_used(const base::IpAddress& address) try {
  const auto holders = holders_of(address);
  const base::UniqueFd results = base::open_directory(kResults);
  if (!holders || !holders->empty() || !results.valid()) return true;
  const std::string in_json = fmt::format("\"{}/", address);
  bool found = false;
  base::for_each_name(results.get(), [&](std::string_view name) {
    const auto result =
        found ? std::nullopt : base::read_file_at(results.get(), std::string(name), kMaxResultBytes);
    found = found || (result && result->find(in_json) != std::string::npos);
  });
  return found;
} catch (const base::SystemError&) {
  return true;
}

std::string describe_container(const std::string& container_id) {
  std::string pod, space;
  try {
    const json::Value result = json::parse(find_result(container_id).value_or("{}"), "libcni's result");
    for (const json::Value& pair : json::get_array(result, "cniArgs", "")) {
      if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) continue;
      if (pair[0] == "K8S_POD_NAME") pod = pair[1].get<std::string>();
      if (pair[0] == "K8S_POD_NAMESPACE") space = pair[1].get<std::string>();
    }
  } catch (const std::exception&) {  // a name is not worth a failure
    pod.clear();
  }
  if (pod.empty()) return fmt::format("container {}", base::quoted(container_id));
  return fmt::format("pod {} (container {})", base::quoted(fmt::format("{}/{}", space, pod)),
                     base::quoted(container_id));
}

}  // namespace flannel
