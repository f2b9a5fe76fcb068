#include "cni-flannel/hostport/conditions.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "common/base/text.h"
#include "common/cni/error.h"
#include "common/cni/request.h"

namespace flannel::hostport {
namespace {

using cni::Error;
using cni::ErrorCode;

/// The words of one condition after the other.
class Words {
 public:
  Words(std::vector<std::string> words, const char* key) : words_(std::move(words)), key_(key) {}

  [[nodiscard]] bool at_end() const { return place_ == words_.size(); }
  /// Takes the next word if it is this one.
  bool take(std::string_view word) {
    if (at_end() || words_[place_] != word) return false;
    ++place_;
    return true;
  }
  std::string next() {
    if (at_end())
      throw Error(ErrorCode::invalid_config, fmt::format("'{}' ends where a value should follow", key_));
    return words_[place_++];
  }
  [[noreturn]] void refuse() const {
    if (at_end())
      throw Error(ErrorCode::invalid_config, fmt::format("'{}' ends where a test should follow", key_));
    throw Error(
        ErrorCode::unsupported_field,
        fmt::format("'{}': {} is not understood", key_, base::quoted(words_[place_])),
        "tests of addresses and of the input interface are, in the words of iptables (-s, -d, -i) or nft "
        "(ip saddr, ip daddr, iifname); others need the reference's portmap");
  }
  [[nodiscard]] const char* key() const { return key_; }

 private:
  std::vector<std::string> words_;
  const char* key_;
  size_t place_ = 0;
};

base::IpNet parse_net(const std::string& text, const char* key, base::Family family) {
  auto net = base::IpNet::parse(text);
  if (!net)
    if (const auto address = base::IpAddress::parse(text))
      net = base::IpNet{*address, static_cast<uint8_t>(address->bits())};
  if (!net || net->address.family() != family)
    throw Error(ErrorCode::invalid_config,
                fmt::format("'{}': {} is no address or network of that family", key, base::quoted(text)));
  return *net;
}

/// `any_end` at the end of a name stands for any end of it.
void take_interface(Condition& condition, std::string text, char any_end, const char* key) {
  if (text.size() > 1 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  condition.is_prefix = text.ends_with(any_end);
  if (condition.is_prefix) text.pop_back();
  if (const std::string problem = cni::ifname_problem(text); !problem.empty())
    throw Error(ErrorCode::invalid_config,
                fmt::format("'{}': interface name {} {}", key, base::quoted(text), problem));
  condition.interface = std::move(text);
}

Condition parse_one(Words& words, base::Family family) {
  using enum Condition::Kind;
  Condition condition;
  condition.is = !words.take("!");
  const bool is_nft_address = words.take(family == base::Family::v4 ? "ip" : "ip6");
  const bool is_nft_interface = words.take("iifname");
  if (is_nft_interface || words.take("-i") || words.take("--in-interface"))
    condition.kind = input_interface;
  else if (words.take(is_nft_address ? "saddr" : "-s") || words.take("--source") || words.take("--src"))
    condition.kind = source;
  else if (words.take(is_nft_address ? "daddr" : "-d") || words.take("--destination") || words.take("--dst"))
    condition.kind = destination;
  else
    words.refuse();
  if (words.take("!") || words.take("!=")) condition.is = false;
  static_cast<void>(words.take("=="));
  if (condition.kind == input_interface)
    take_interface(condition, words.next(), is_nft_interface ? '*' : '+', words.key());
  else
    condition.net = parse_net(words.next(), words.key(), family);
  return condition;
}

}  // namespace

std::vector<Condition> parse_conditions(const json::Value& config, const char* key, base::Family family) {
  std::vector<std::string> words;
  for (const std::string& item : json::get_strings(config, key, ""))
    for (const std::string_view word : base::split(item, ' '))
      if (!word.empty()) words.emplace_back(word);
  std::vector<Condition> conditions;
  for (Words rest(std::move(words), key); !rest.at_end();) conditions.push_back(parse_one(rest, family));
  return conditions;
}

}  // namespace flannel::hostport
