#include "flanneld/options/config_file.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <sstream>
#include <string_view>
#include <vector>

#include "common/base/spelling.h"
#include "common/base/text.h"
#include "common/json/json.h"
#include "flanneld/lease/network_config.h"

namespace flanneld {
namespace {

constexpr int kMaxDepth = 32;      // an alias may hold itself
constexpr int kMaxNodes = 10'000;  // aliases of aliases grow without bounds

/// Counts the documents of a text. YAML::Load() ignores all but the first; YAML::LoadAll() does not end for a
/// text such as "{a: 1},".
class DocumentCounter final : public YAML::EventHandler {
 public:
  int documents = 0;

  void OnDocumentStart(const YAML::Mark&) override { ++documents; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
  }
  void OnMapEnd() override {}
};

bool has_several_documents(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentCounter counter;
  while (counter.documents < 2 && parser.HandleNextDocument(counter)) continue;
  return counter.documents > 1;
}

/// "/etc/flanneld.yaml line 7"
std::string place(const std::string& path, const YAML::Mark& mark) {
  return fmt::format("{} line {}", path, mark.line + 1);
}

/// "; did you mean 'SubnetLen'?", or empty text.
std::string find_meant(const std::string& name) {
  std::vector<std::string_view> names;
  for (const Flag& flag : all_flags()) names.emplace_back(flag.name);
  for (const char* key : NetworkConfig::keys()) names.emplace_back(key);
  const auto similar = base::find_similar(name, names);
  return similar ? fmt::format("; did you mean '{}'?", *similar) : "";
}

class Reader {
 public:
  explicit Reader(std::string path) : path_(std::move(path)) {}

  ConfigFile read(const std::string& text) {
    if (has_several_documents(text))
      throw UsageError(fmt::format("{}: it holds more than one document", path_));
    const YAML::Node root = YAML::Load(text);
    if (root.IsNull()) return {};
    if (!root.IsMap()) fail(root, "it must hold names and values");
    json::OrderedValue network = json::OrderedValue::object();
    for (const auto& entry : root) {
      if (!entry.first.IsScalar()) fail(entry.first, "a name must be a word");
      const std::string& name = entry.first.Scalar();
      if (NetworkConfig::has_key(name))
        network[name] = to_json(entry.second, 0);
      else
        add_flag(name, entry);
    }
    if (!network.empty())
      file_.network_config = network.dump(-1, ' ', false, json::OrderedValue::error_handler_t::replace);
    return std::move(file_);
  }

 private:
  [[noreturn]] void fail(const YAML::Node& node, const std::string& reason) const {
    throw UsageError(fmt::format("{}: {}", place(path_, node.Mark()), reason));
  }

  template <class Entry>
  void add_flag(const std::string& name, const Entry& entry) {
    const Flag* flag = find_flag(base::lower(name));
    if (!flag)
      fail(entry.first, fmt::format("{} is neither a flag nor a key of the network configuration{}",
                                    base::quoted(name), find_meant(name)));
    const std::string_view flag_name = flag->name;
    if (flag_name == "config" || flag_name == "version")
      fail(entry.first, fmt::format("{} is for the command line", base::quoted(name)));
    if (entry.second.IsNull()) return;
    FlagValue value{.values = flag_texts(*flag, name, entry.second),
                    .origin = fmt::format("{}: {}", place(path_, entry.first.Mark()), flag_name)};
    if (value.values.empty()) return;
    for (const std::string& text : value.values) check_form(flag->meaning.kind, text, value.origin);
    file_.flags[flag->name] = std::move(value);
  }

  /// Servers may be written as a list, too, though their flag is none.
  [[nodiscard]] std::vector<std::string> flag_texts(const Flag& flag, const std::string& name,
                                                    const YAML::Node& node) const {
    const bool is_list = flag.meaning.kind == FlagKind::list;
    if (node.IsScalar()) return {node.Scalar()};
    if (!node.IsSequence() || (!is_list && flag.name != std::string_view("etcd-endpoints")))
      fail(node, fmt::format("{} cannot hold a list or a group of names", base::quoted(name)));
    std::vector<std::string> texts;
    for (const auto& item : node) {
      if (!item.IsScalar()) fail(node, fmt::format("the items of {} must be words", base::quoted(name)));
      texts.push_back(item.Scalar());
    }
    if (is_list || texts.empty()) return texts;
    return {fmt::format("{}", fmt::join(texts, ","))};
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
    const std::string word = base::lower(text);
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
    throw UsageError(fmt::format("{}: {}", place(path, error.mark), error.msg));
  }
}

}  // namespace flanneld
