#include "flanneld/options/config_file.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "common/json/json.h"

namespace flanneld {
namespace {

constexpr int kMaxDepth = 32;      // an alias may hold itself
constexpr int kMaxNodes = 10'000;  // aliases of aliases grow without bounds

constexpr std::array kNetworkKeys{"enableipv4",  "enableipv6",    "enablenftables", "network",
                                  "ipv6network", "subnetlen",     "ipv6subnetlen",  "subnetmin",
                                  "subnetmax",   "ipv6subnetmin", "ipv6subnetmax",  "backend"};

std::string lower(std::string text) {
  for (char& one : text)
    if (one >= 'A' && one <= 'Z') one = static_cast<char>(one - 'A' + 'a');
  return text;
}

/// Counts what a text holds before any of it is kept. YAML::LoadAll() would not do: of a text such as "{a:
/// 1}," it reads empty documents for ever.
class Census final : public YAML::EventHandler {
 public:
  int documents = 0, nodes = 0;

  void OnDocumentStart(const YAML::Mark&) override { ++documents; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override { ++nodes; }
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override { ++nodes; }
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {
    ++nodes;
  }
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    ++nodes;
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    ++nodes;
  }
  void OnMapEnd() override {}
};

class Reader {
 public:
  explicit Reader(std::string path) : path_(std::move(path)) {}

  ConfigFile read(const std::string& text) {
    check_extent(text);
    const YAML::Node root = YAML::Load(text);
    if (root.IsNull()) return {};
    if (!root.IsMap()) fail(root, "it must hold names and values");
    json::OrderedValue network = json::OrderedValue::object();
    for (const auto& entry : root) {
      if (!entry.first.IsScalar()) fail(entry.first, "a name must be a word");
      const std::string& name = entry.first.Scalar();
      if (std::find(kNetworkKeys.begin(), kNetworkKeys.end(), lower(name)) != kNetworkKeys.end())
        network[name] = to_json(entry.second, 0);
      else
        add_flag(name, entry);
    }
    if (!network.empty())
      file_.network_config = network.dump(-1, ' ', false, json::OrderedValue::error_handler_t::replace);
    return std::move(file_);
  }

 private:
  void check_extent(const std::string& text) const {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    Census census;
    while (census.documents < 2 && parser.HandleNextDocument(census)) continue;
    if (census.documents > 1) throw UsageError(path_ + ": it holds more than one document");
    if (census.nodes > kMaxNodes) throw UsageError(path_ + ": it is too large");
  }

  [[noreturn]] void fail(const YAML::Node& node, const std::string& reason) const {
    throw UsageError(path_ + " line " + std::to_string(node.Mark().line + 1) + ": " + reason);
  }

  template <class Entry>
  void add_flag(const std::string& name, const Entry& entry) {
    const Flag* flag = find_flag(lower(name));
    if (!flag) fail(entry.first, "'" + name + "' is neither a flag nor a key of the network configuration");
    const std::string flag_name = flag->name;
    if (flag_name == "config" || flag_name == "version")
      fail(entry.first, "'" + name + "' is for the command line");
    const YAML::Node& node = entry.second;
    if (node.IsNull()) return;
    FlagValue value{{}, path_ + " line " + std::to_string(entry.first.Mark().line + 1) + ": " + flag_name};
    if (node.IsSequence() && (flag->kind == FlagKind::list || flag_name == "etcd-endpoints")) {
      for (const auto& item : node) {
        if (!item.IsScalar()) fail(node, "the items of '" + name + "' must be words");
        value.values.push_back(item.Scalar());
      }
      if (value.values.empty()) return;
      if (flag->kind != FlagKind::list) value.values = {joined(value.values)};
    } else if (node.IsScalar()) {
      value.values = {node.Scalar()};
    } else {
      fail(node, "'" + name + "' cannot hold a list or a group of names");
    }
    for (const std::string& text : value.values) check_form(*flag, text, value.origin);
    file_.flags[flag_name] = std::move(value);
  }

  static std::string joined(const std::vector<std::string>& items) {
    std::string text;
    for (const std::string& item : items) text.append(text.empty() ? "" : ",").append(item);
    return text;
  }

  json::OrderedValue to_json(const YAML::Node& node, int depth) {
    if (depth > kMaxDepth || ++nodes_ > kMaxNodes) fail(node, "it is nested too deep or too large");
    if (node.IsMap()) {
      json::OrderedValue object = json::OrderedValue::object();
      for (const auto& entry : node) {
        if (!entry.first.IsScalar()) fail(entry.first, "a name must be a word");
        object[entry.first.Scalar()] = to_json(entry.second, depth + 1);
      }
      return object;
    }
    if (node.IsSequence()) {
      json::OrderedValue array = json::OrderedValue::array();
      for (const auto& item : node) array.push_back(to_json(item, depth + 1));
      return array;
    }
    return node.IsScalar() ? scalar(node) : json::OrderedValue(nullptr);
  }

  /// A plain word that reads as JSON's number, true or false is one; anything else is text.
  static json::OrderedValue scalar(const YAML::Node& node) {
    const std::string& text = node.Scalar();
    if (node.Tag() == "!") return text;  // quoted
    const std::string word = lower(text);
    if (word == "true" || word == "false") return word == "true";
    json::OrderedValue number = json::OrderedValue::parse(text, nullptr, false);
    return number.is_number() ? number : json::OrderedValue(text);
  }

  std::string path_;
  ConfigFile file_;
  int nodes_ = 0;
};

}  // namespace

ConfigFile parse_config_file(const std::string& text, const std::string& path) {
  try {
    return Reader(path).read(text);
  } catch (const YAML::Exception& error) {
    throw UsageError(path + " line " + std::to_string(error.mark.line + 1) + ": " + error.msg);
  }
}

}  // namespace flanneld
