#include "flanneld/commands/cluster_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <map>
#include <optional>

#include "common/base/error.h"
#include "common/base/printable.h"
#include "common/base/time_text.h"
#include "flanneld/backend/vxlan_lease_data.h"
#include "flanneld/commands/running_agent.h"
#include "flanneld/commands/table.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/lease/clock.h"
#include "flanneld/store/factory.h"

namespace flanneld {
namespace {

constexpr int kHealthy = 0, kUnhealthy = 1, kNoAnswer = 3;
constexpr std::chrono::seconds kAnswerLimit(10);
constexpr size_t kMostNamed = 20;

/// What the store said by the time limit.
struct Seen {
  std::optional<NetworkConfig> config;
  std::optional<std::vector<Lease>> leases;
  std::string waits = "it has no network configuration";
};

std::string data_of(const LeaseAttributes& attributes) {
  for (const std::string& data : {attributes.backend_data, attributes.backend_v6_data}) try {
      if (!data.empty()) return fmt::format("{}", VxlanLeaseData::parse(data).vtep_mac);
    } catch (const base::ParseError&) {
      continue;  // of another backend
    }
  return "-";
}

/// Values that more than one lease has.
void add_shared(std::vector<std::string>& problems,
                const std::map<std::string, std::vector<std::string>>& holders, std::string_view what,
                std::string_view advice) {
  for (const auto& [value, names] : holders)
    if (value != "-" && names.size() > 1)
      problems.push_back(
          fmt::format("{} publish the same {} {}: {}", fmt::join(names, ", "), what, value, advice));
}

Seen ask_store(LeaseStore& store, EventLoop& loop, const Options& options) {
  Seen seen;
  Timer limit(loop, [&] { loop.stop(); });
  limit.start(kAnswerLimit);
  store.start([&](const StoreEvent& event) {
    if (const auto* config = std::get_if<ConfigRead>(&event)) {
      try {
        seen.config = NetworkConfig::parse(config->text, options.who_chooses_subnets());
        seen.waits = "it has not listed its leases";
        store.claim(
            {.config = *seen.config, .attributes = {}, .previous = std::nullopt, .kind = Claim::Kind::none});
      } catch (const base::ParseError& error) {
        seen.waits = fmt::format("network configuration: {}", error.what());
        loop.stop();
      }
    } else if (const auto* list = std::get_if<LeasesListed>(&event)) {
      seen.leases = list->leases;
      loop.stop();
    } else if (const auto* away = std::get_if<StoreUnreachable>(&event)) {
      seen.waits = away->reason;
    }
  });
  loop.run();
  return seen;
}

}  // namespace

std::vector<std::string> find_cluster_problems(const std::vector<Lease>& leases,
                                               const NetworkConfig& config) {
  std::vector<std::string> problems;
  std::map<std::string, std::vector<std::string>> by_address, by_mac;
  for (const Lease& lease : leases) {
    const std::string name = lease.key.str();
    if (const auto fault = find_fault(lease, config, nullptr))
      problems.push_back(fmt::format("{}: {}", name, *fault));
    const std::string& backend = lease.attributes.backend_type;
    if (!backend.empty() && backend != config.backend_type)
      problems.push_back(
          fmt::format("{} has the backend '{}', the configuration says '{}': restart flanneld there", name,
                      backend, config.backend_type));
    if (const base::IpAddress address = node_address(lease.attributes); !address.is_unspecified())
      by_address[address.str()].push_back(name);
    by_mac[data_of(lease.attributes)].push_back(name);
  }
  add_shared(
      problems, by_address, "address",
      "a node that was made anew leaves its former lease until that ends; two nodes behind one address need "
      "a store that knows nodes");
  add_shared(problems, by_mac, "MAC", "were the machines cloned? give each a machine-id of its own");
  return problems;
}

std::string lease_table(std::vector<Lease> leases, std::chrono::sys_seconds now) {
  std::sort(leases.begin(), leases.end(), [](const Lease& a, const Lease& b) { return a.key < b.key; });
  std::vector<Row> rows{{"SUBNET", "PUBLIC IP", "BACKEND", "VTEP MAC", "ENDS"}};
  for (const Lease& lease : leases) {
    const std::string& backend = lease.attributes.backend_type;
    const std::string ends = !lease.expiry         ? "a reservation"
                             : *lease.expiry < now ? "over"
                                                   : base::duration_text(*lease.expiry - now);
    rows.push_back({lease.key.str(), node_address(lease.attributes).str(), backend.empty() ? "-" : backend,
                    data_of(lease.attributes), ends});
  }
  return columns(rows);
}

int run_cluster_status(const Options& options) {
  const auto agent = ask_agent(options);
  const Options all = with_flags_of(options, agent);
  EventLoop loop;
  const auto store = make_lease_store(loop, all);
  const Seen seen = ask_store(*store, loop, all);
  if (!seen.leases) {
    fmt::print(stderr, "flanneld: {} gives no leases: {}\n", base::printable(store->describe()),
               base::printable(seen.waits));
    return kNoAnswer;
  }
  std::vector<std::string> problems = find_cluster_problems(*seen.leases, *seen.config);
  const PassedOver skipped = store->skipped();
  problems.insert(problems.end(), skipped.named.begin(), skipped.named.end());
  std::string text = columns({{"store", store->describe()},
                              {"backend", seen.config->backend_type},
                              {"leases", fmt::format("{}", seen.leases->size())}});
  for (size_t i = 0; i < std::min(problems.size(), kMostNamed); ++i)
    fmt::format_to(std::back_inserter(text), "! {}\n", problems[i]);
  if (problems.size() > kMostNamed)
    fmt::format_to(std::back_inserter(text), "! and {} more\n", problems.size() - kMostNamed);
  fmt::print("{}\n{}", base::printable(text, "\n"),
             base::printable(lease_table(*seen.leases, system_now()), "\n"));
  return problems.empty() ? kHealthy : kUnhealthy;
}

}  // namespace flanneld
