#include "flanneld/store/saved_leases.h"

#include <fmt/format.h>

#include "common/base/file.h"
#include "common/base/text.h"
#include "flanneld/lease/go_json.h"

namespace flanneld {
namespace {

constexpr size_t kMaxStateBytes = 64 << 20;  // some 200,000 leases
constexpr mode_t kStateMode = 0600, kStateDirectoryMode = 0755;

json::OrderedValue lease_json(const Lease& lease) {
  return {{"key", lease.key.format()}, {"value", lease.attributes.format()}};
}

Lease saved_lease(const json::Value& entry) {
  if (!entry.is_object()) throw base::ParseError("a lease must be an object");
  const std::string name = json::get_string(entry, "key", "");
  const auto key = LeaseKey::parse(name);
  if (!key || key->format() != name)
    throw base::ParseError(fmt::format("{} is not the key of a lease", base::quoted(name)));
  return {*key, LeaseAttributes::parse(json::get_string(entry, "value", "")), std::nullopt};
}

}  // namespace

std::string SavedState::format() const {
  json::OrderedValue leases = json::OrderedValue::array();
  for (const Lease& peer : peers) leases.push_back(lease_json(peer));
  const json::OrderedValue document{{"store", store},
                                    {"cluster", cluster},
                                    {"networkConfig", network_config},
                                    {"formerConfig", former_config},
                                    {"own", lease_json(own)},
                                    {"peers", leases}};
  return fmt::format("{}\n", document.dump(-1, ' ', false, json::OrderedValue::error_handler_t::replace));
}

SavedState SavedState::parse(std::string_view text) {
  return decoding("saved leases", [&] {
    const json::Value document = parse_object(text, kMaxStateBytes);
    SavedState state;
    state.store = json::get_string(document, "store", "");
    state.cluster = json::get_string(document, "cluster", "");
    state.network_config = json::get_string(document, "networkConfig", "");
    state.former_config = json::get_string(document, "formerConfig", "");
    state.own = saved_lease(json::get_object(document, "own", ""));
    for (const json::Value& entry : json::get_array(document, "peers", ""))
      state.peers.push_back(saved_lease(entry));
    return state;
  });
}

std::optional<SavedState> load_state(const std::string& path) {
  const auto text = base::read_file(path, kMaxStateBytes);
  if (!text) return std::nullopt;
  return SavedState::parse(*text);
}

void save_state(const std::string& path, const SavedState& state) {
  base::make_parent_directory(path, kStateDirectoryMode);
  base::write_file_atomic(path, state.format(), kStateMode, base::Durable::yes);
}

}  // namespace flanneld
