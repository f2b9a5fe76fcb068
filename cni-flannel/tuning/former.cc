#include "cni-flannel/tuning/former.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "cni-flannel/pod/alive.h"
#include "common/base/file.h"

namespace flannel::tuning {
namespace {

constexpr mode_t kFileMode = 0600, kDirectoryMode = 0700;
constexpr size_t kMaxBytes = 4096;
constexpr const char* kSuffix = ".json";

std::string file_name(const cni::Attachment& attachment) {
  return fmt::format("{}_{}{}", attachment.container_id, attachment.ifname, kSuffix);
}

}  // namespace

Conf former_values(const Conf& conf, const netlink::Link& link, const netlink::LinkSettings& settings) {
  Conf former;
  if (conf.mac) former.mac = link.mac;
  if (conf.mtu != 0) former.mtu = link.mtu;
  if (conf.link.promiscuous) former.link.promiscuous = settings.promiscuous;
  if (conf.link.all_multicast) former.link.all_multicast = settings.all_multicast;
  if (conf.link.queue_length) former.link.queue_length = settings.queue_length;
  return former;
}

void save(const std::string& directory, const cni::Attachment& attachment, const Conf& former) {
  json::OrderedValue text = json::OrderedValue::object();
  if (former.mac) text["mac"] = former.mac->str();
  if (former.link.promiscuous) text["promisc"] = *former.link.promiscuous;
  if (former.mtu != 0) text["mtu"] = former.mtu;
  if (former.link.all_multicast) text["allmulti"] = *former.link.all_multicast;
  if (former.link.queue_length) text["txQLen"] = *former.link.queue_length;
  const base::UniqueFd dir = base::make_directory(directory, kDirectoryMode);
  base::replace_file_at(dir.get(), file_name(attachment), text.dump(1), kFileMode);
}

std::optional<Conf> load(const std::string& directory, const cni::Attachment& attachment) try {
  const base::UniqueFd dir = base::open_directory(directory);
  if (!dir.valid()) return std::nullopt;
  const auto text = base::read_file_at(dir.get(), file_name(attachment), kMaxBytes);
  if (!text) return std::nullopt;
  const json::Value values = json::parse(*text, "the file of former values");
  if (!values.is_object()) return std::nullopt;
  Conf former;
  if (const auto mac = base::MacAddress::parse(json::get_string(values, "mac", ""))) former.mac = mac;
  if (json::find(values, "promisc")) former.link.promiscuous = json::get_bool(values, "promisc", "");
  former.mtu = static_cast<uint32_t>(json::get_integer(values, "mtu", "", 0, UINT32_MAX).value_or(0));
  if (json::find(values, "allmulti")) former.link.all_multicast = json::get_bool(values, "allmulti", "");
  if (const auto length = json::get_integer(values, "txQLen", "", 0, UINT32_MAX))
    former.link.queue_length = static_cast<uint32_t>(*length);
  return former;
} catch (const std::exception&) {
  return std::nullopt;
}

std::vector<std::string> containers_of(std::string_view file) {
  std::vector<std::string> containers;
  if (!file.ends_with(kSuffix)) return containers;
  for (size_t at = file.find('_'); at != std::string_view::npos; at = file.find('_', at + 1))
    if (const std::string_view container = file.substr(0, at); cni::is_valid_identifier(container))
      containers.emplace_back(container);
  return containers;
}

void collect(const std::string& directory, const std::vector<cni::Attachment>& valid) {
  const base::UniqueFd dir = base::open_directory(directory);
  if (!dir.valid()) return;
  std::set<std::string, std::less<>> kept;
  for (const cni::Attachment& one : valid) kept.insert(file_name(one));
  for (const std::string& name : base::list_directory(dir.get())) {
    const auto containers = containers_of(name);
    if (!containers.empty() && !kept.contains(name) &&
        std::none_of(containers.begin(), containers.end(), may_be_attached))
      base::remove_file_at(dir.get(), name);
  }
}

void forget(const std::string& directory, const cni::Attachment& attachment) {
  if (const base::UniqueFd dir = base::open_directory(directory); dir.valid())
    base::remove_file_at(dir.get(), file_name(attachment));
}

}  // namespace flannel::tuning
