#include "cni-ipam/survey/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include "cni-ipam/survey/survey.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/text.h"
#include "common/base/time_text.h"
#include "common/json/json.h"

namespace ipam {
namespace {

constexpr const char* kDataDirectory = "/var/lib/cni/networks";
constexpr int kWrong = 1, kCannotLook = 2;

struct Asked {
  bool checks = false;
  bool as_json = false;
  std::vector<std::string> stores;
};

/// What somebody gets wrong on the command line.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

Asked parse(int argc, const char* const* argv) {
  Asked asked{.checks = std::string_view(argv[1]) == "check", .as_json = false, .stores = {}};
  for (int i = 2; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool has_value = word == "-o" && i + 1 < argc;
    if (has_value && std::string_view(argv[i + 1]) == "json") {
      asked.as_json = true;
      ++i;
    } else if (word.starts_with('-')) {
      throw UsageError(fmt::format("{}: not known, it must be -o json or the directory of a store",
                                   base::quoted(has_value ? argv[i + 1] : word)));
    } else {
      asked.stores.emplace_back(word);
    }
  }
  if (asked.stores.empty()) asked.stores = find_stores(kDataDirectory);
  return asked;
}

std::vector<HeldLease> read_all_leases(const std::vector<std::string>& stores) {
  std::vector<HeldLease> all;
  for (const std::string& store : stores) {
    std::vector<HeldLease> leases = read_leases(store);
    std::move(leases.begin(), leases.end(), std::back_inserter(all));
  }
  return all;
}

/// Calls of the plugin go on meanwhile: what one of them has changed since is no mistake.
void forget_changed(std::vector<Row>& rows) {
  std::erase_if(rows, [](const Row& row) {
    if (row.state == Row::State::leaked) return !is_held(row.store, row.address);
    return row.state == Row::State::unleased && is_held(row.store, row.address);
  });
}

json::OrderedValue to_json(const Row& row) {
  json::OrderedValue one{{"store", row.store}, {"address", row.address.str()}, {"state", name_of(row.state)}};
  if (!row.container.empty()) one["container"] = row.container;
  if (!row.interface.empty()) one["interface"] = row.interface;
  if (row.since) one["since"] = base::time_text(*row.since);
  if (!row.netns.empty()) one["netns"] = row.netns;
  if (!is_well(row.state)) one["advice"] = advice_for(row);
  return one;
}

std::string as_json(const std::vector<Row>& rows) {
  json::OrderedValue all = json::OrderedValue::array();
  for (const Row& row : rows) all.push_back(to_json(row));
  return fmt::format("{}\n", all.dump(2, ' ', false, json::OrderedValue::error_handler_t::replace));
}

std::string line_of(const Row& row, size_t width) {
  return fmt::format("{:<{}}  {:<10}  {:<20}  {:<10}  {}", row.address.str(), width, name_of(row.state),
                     row.since ? base::time_text(*row.since) : "-",
                     row.interface.empty() ? "-" : row.interface,
                     row.container.empty() ? "-" : row.container);
}

std::string as_table(const std::vector<Row>& rows) {
  size_t width = std::string_view("ADDRESS").size();
  for (const Row& row : rows) width = std::max(width, row.address.str().size());
  std::string text, store;
  for (const Row& row : rows) {
    if (row.store != store) {
      text += fmt::format("{}{}\n{:<{}}  {:<10}  {:<20}  {:<10}  {}\n", store.empty() ? "" : "\n", row.store,
                          "ADDRESS", width, "STATE", "SINCE", "INTERFACE", "CONTAINER");
      store = row.store;
    }
    text += fmt::format("{}\n", line_of(row, width));
  }
  return text;
}

std::string as_findings(const std::vector<Row>& wrong, size_t all, const Living& living) {
  std::string text;
  for (const Row& row : wrong)
    text +=
        fmt::format("{} {}{}: {}\n", row.address, name_of(row.state),
                    row.container.empty() ? "" : fmt::format(" by container {}", base::quoted(row.container)),
                    advice_for(row));
  if (!living.sees_pods && all > 0)
    text +=
        "no pod's network namespace can be seen here, so nobody can tell what is leaked: run this on the "
        "node itself\n";
  text += fmt::format("{} addresses looked at, {} to be mended\n", all, wrong.size());
  return text;
}

int run(int argc, const char* const* argv) {
  const Asked asked = parse(argc, argv);
  const std::vector<HeldLease> leases = read_all_leases(asked.stores);
  const Living living = read_living();
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  std::vector<Row> rows = compare(leases, living, now);
  forget_changed(rows);
  std::vector<Row> wrong = rows;
  std::erase_if(wrong, [](const Row& row) { return is_well(row.state); });
  std::string text;
  if (asked.as_json)
    text = as_json(asked.checks ? wrong : rows);
  else
    text = asked.checks ? as_findings(wrong, rows.size(), living) : as_table(rows);
  base::write_all(STDOUT_FILENO, text, "the answer");
  if (!asked.checks) return EXIT_SUCCESS;
  if (!wrong.empty()) return kWrong;
  return living.sees_pods || rows.empty() ? EXIT_SUCCESS : kCannotLook;
}

}  // namespace

std::optional<int> run_command(int argc, const char* const* argv) noexcept {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (verb != "list" && verb != "check") return std::nullopt;
  try {
    return run(argc, argv);
  } catch (const base::SystemError& error) {
    fmt::print(stderr, "flannel-ipam {}: {}{}\n", verb, error.what(),
               error.error_number() == EPERM || error.error_number() == EACCES ? "; run it as root" : "");
  } catch (const std::exception& error) {
    fmt::print(stderr, "flannel-ipam {}: {}\n", verb, error.what());
  }
  return kCannotLook;
}

}  // namespace ipam
