#include "cni-flannel/hostport/alive.h"

#include <fmt/format.h>

#include <exception>
#include <optional>

#include "common/base/file.h"
#include "common/base/text.h"
#include "common/json/json.h"

namespace flannel::hostport {
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

enum class Lease { own, none, unknown };

Lease look_for_lease(const std::string& container_id, const base::IpAddress& address) {
  const base::UniqueFd networks = base::open_directory(kNetworks);
  if (!networks.valid()) return Lease::unknown;
  Lease answer = Lease::unknown;
  base::for_each_name(networks.get(), [&](std::string_view network) {
    const base::UniqueFd store = base::open_directory(fmt::format("{}/{}", kNetworks, network));
    if (!store.valid() || answer == Lease::own) return;
    if (answer == Lease::unknown) answer = Lease::none;
    const auto lease = base::read_file_at(store.get(), address.str(), kMaxLeaseBytes);
    if (lease && base::trimmed(base::split(*lease, '\n').front()) == container_id) answer = Lease::own;
  });
  return answer;
}

}  // namespace

bool may_live(const std::string& container_id, const base::IpAddress& address) {
  return find_result(container_id) || look_for_lease(container_id, address) != Lease::none;
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

}  // namespace flannel::hostport
