#include "cni-flannel/firewall/legacy_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string>

#include "common/base/process.h"
#include "common/base/text.h"
#include "common/cni/error.h"

namespace flannel::firewall {
namespace {

/// The words of a line; those in quotes are one.
std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  bool is_quoted = false, is_in_word = false;
  for (size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    if (c == ' ' && !is_quoted) {
      is_in_word = false;
      continue;
    }
    if (!is_in_word) words.emplace_back();
    is_in_word = true;
    if (c == '"')
      is_quoted = !is_quoted;
    else if (c != '\\' || !is_quoted || ++at < line.size())
      words.back().push_back(line[at]);
  }
  return words;
}

std::optional<base::IpAddress> whole_address(const std::string& text) {
  const auto net = base::IpNet::parse(text);
  return net && net->prefix == net->address.bits() ? std::optional(net->address) : std::nullopt;
}

/// Takes the value of an option over into the rule; false for an option that this plugin does not use.
bool take(const std::string& option, const std::string& value, bool is_negated, Rule& rule) {
  if (option == "-o") {
    rule.output = value;
    rule.is_other_output = is_negated;
    return true;
  }
  if (is_negated) return false;
  if (option == "-s") return (rule.source = whole_address(value)).has_value();
  if (option == "-d") return (rule.destination = whole_address(value)).has_value();
  if (option == "--ctstate") return rule.is_known = value == "RELATED,ESTABLISHED";
  if (option == "-m") return value == "conntrack" || value == "comment";
  if (option == "-i")
    rule.input = value;
  else if (option == "-j")
    rule.target = value;
  else
    return option == "--comment";
  return true;
}

/// Another call may have made a chain, or deleted a rule, since they were read.
constexpr int kMaxTries = 3;

class LegacyFilter : public FilterTable {
 public:
  LegacyFilter(base::Family family, netfilter::IptablesVariant variant)
      : family_(family), variant_(variant) {}

  void read() override {
    rules_.clear();
    lines_.clear();
    chains_.clear();
    removed_.clear();
    put_.clear();
    const auto call = netfilter::iptables_save(family_, variant_, "filter");
    if (!call) return;
    const base::ProcessResult saved = base::run_process(*call);
    if (saved.exit_code != 0) return;
    for (const std::string_view line : base::split(saved.output, '\n')) {
      if (line.starts_with(':')) chains_.emplace(line.substr(1, line.find(' ') - 1));
      if (auto rule = read_line(line)) {
        rules_.push_back({.rule = std::move(*rule), .tag = {}, .place = lines_.size()});
        lines_.emplace_back(line);
      }
    }
  }

  bool commit() override {
    if (removed_.empty() && put_.empty()) return true;
    const std::string input = fmt::format("*filter\n{}COMMIT\n", changes());
    const auto call = netfilter::iptables_restore(family_, variant_, input);
    if (call && base::run_process(*call).exit_code == 0) return true;
    if (call && ++refused_ < kMaxTries) return false;
    throw cni::Error(cni::ErrorCode::kernel_refused,
                     call ? "change the rules of table filter: iptables-restore refused them"
                          : "change the rules of table filter: there is no iptables-restore",
                     call ? fmt::format("it told stderr why; it was told: {}", input)
                          : "install iptables, or nf_tables support in the kernel");
  }

  [[nodiscard]] bool keeps_tags() const override { return false; }

 private:
  [[nodiscard]] std::string changes() const {
    std::string text;
    const auto append = std::back_inserter(text);
    for (const std::string& chain : needed_chains())
      if (!chains_.contains(chain)) fmt::format_to(append, "-N {}\n", chain);
    for (const size_t place : removed_) fmt::format_to(append, "-D{}\n", lines_[place].substr(2));
    for (const Put& one : put_)
      fmt::format_to(append, "{} {}\n", one.planned.place == Place::first ? "-I" : "-A",
                     text_of(one.planned));
    return text;
  }

  base::Family family_;
  netfilter::IptablesVariant variant_;
  std::vector<std::string> lines_;
  std::set<std::string> chains_;
  int refused_ = 0;
};

}  // namespace

std::unique_ptr<FilterTable> open_legacy_filter(base::Family family, netfilter::IptablesVariant variant) {
  return std::make_unique<LegacyFilter>(family, variant);
}

std::optional<Rule> read_line(std::string_view line) {
  const std::vector<std::string> words = words_of(line);
  if (words.size() < 4 || words[0] != "-A") return std::nullopt;
  if (std::find(std::begin(kChains), std::end(kChains), words[1]) == std::end(kChains)) return std::nullopt;
  Rule rule{.chain = words[1], .target = {}};
  for (size_t at = 2; at < words.size(); at += 2) {
    const bool is_negated = words[at] == "!";
    if (is_negated) ++at;
    if (at + 1 >= words.size() || !take(words[at], words[at + 1], is_negated, rule)) return std::nullopt;
  }
  return rule.target.empty() ? std::nullopt : std::optional(rule);
}

}  // namespace flannel::firewall
