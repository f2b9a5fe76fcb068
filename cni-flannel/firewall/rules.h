// Which rules of iptables' table `filter` a pod has, and how a table comes to have them: the reference's
// chains and rules. Pure.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cni-flannel/firewall/conf.h"
#include "common/base/ip.h"
#include "common/cni/request.h"

namespace flannel::firewall {

inline constexpr const char* kForward = "FORWARD";
inline constexpr const char* kPods = "CNI-FORWARD";
inline constexpr const char* kLeaving = "CNI-ISOLATION-STAGE-1";   ///< what leaves a bridge
inline constexpr const char* kEntering = "CNI-ISOLATION-STAGE-2";  ///< and enters another
/// The chains that rules of this plugin are in.
inline constexpr const char* kChains[] = {kForward, kPods, kLeaving, kEntering};

/// A rule without its comment. A test that is empty holds for every packet.
struct Rule {
  std::string chain;
  std::optional<base::IpAddress> source = {}, destination = {};
  std::string input = {}, output = {};  ///< names of interfaces
  bool is_other_output = false;         ///< for packets that leave by another one than `output`
  bool is_known = false;                ///< for packets of connections that are known
  std::string target;                   ///< ACCEPT, DROP, RETURN, or a chain
  bool operator==(const Rule&) const = default;
};

enum class Place { first, last };

struct PlannedRule {
  Rule rule;
  Place place = Place::last;
  std::string comment = {};
};

/// A rule that a table has.
struct StandingRule {
  Rule rule;
  std::string tag;   ///< whose it is, if that is known
  size_t place = 0;  ///< of its own among those that were read
};

/// Both rules of each address, and what they need. All addresses are of one family.
std::vector<PlannedRule> pod_rules(const Conf& conf, const std::vector<base::IpAddress>& addresses);
/// What keeps others out of the bridge. None for IngressPolicy::open.
std::vector<PlannedRule> policy_rules(IngressPolicy policy, const std::string& bridge);

/// Table `filter` of one family, in one variant of iptables, as it was read; and changes of it, which are to
/// be made together.
class FilterTable {
 public:
  FilterTable() = default;
  FilterTable(const FilterTable&) = delete;
  FilterTable& operator=(const FilterTable&) = delete;
  virtual ~FilterTable() = default;

  /// Reads the rules anew, and forgets the changes.
  virtual void read() = 0;
  /// Makes the changes. False if somebody else has changed the table since it was read: nothing is changed
  /// then.
  virtual bool commit() = 0;
  /// Whether it keeps the tags of rules.
  [[nodiscard]] virtual bool keeps_tags() const = 0;

  [[nodiscard]] const std::vector<StandingRule>& rules() const { return rules_; }
  void remove(const StandingRule& rule) { removed_.push_back(rule.place); }
  void put(const PlannedRule& rule, const std::string& tag);

 protected:
  struct Put {
    PlannedRule planned;
    std::string tag;
  };
  /// The chains that the rules to be put are in or lead to, but for FORWARD.
  [[nodiscard]] std::set<std::string> needed_chains() const;

  std::vector<StandingRule> rules_;
  std::vector<size_t> removed_;
  std::vector<Put> put_;
};

/// Puts those of `wanted` that are not there, and takes over those of the pod's addresses that are there.
void bring(FilterTable& table, const std::vector<PlannedRule>& wanted, const std::string& tag);
/// The first of `wanted` that the table lacks.
std::optional<PlannedRule> find_missing(const FilterTable& table, const std::vector<PlannedRule>& wanted);
/// Removes those rules of addresses that are `stale`, as many as fit into one change. True if others are
/// left.
bool remove_pods(FilterTable& table,
                 const std::function<bool(const base::IpAddress& address, std::string_view tag)>& stale);

/// As iptables -S shows it.
std::string text_of(const PlannedRule& planned);

}  // namespace flannel::firewall
