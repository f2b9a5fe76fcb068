// Which entries of a store are passed over, and why: the first ones by name, of more only the number, so that
// no amount of junk takes memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace flanneld {

/// For people.
struct PassedOver {
  std::vector<std::string> named;  ///< "<entry>: <reason>"
  size_t unnamed = 0;              ///< so many more
};

class SkippedEntries {
 public:
  static constexpr size_t kMostNamed = 20;

  /// True if it should be told: the entry is new or has another value, and there are not too many.
  bool add(const std::string& entry, std::string_view value, const std::string& reason);
  /// The entry can be read, or is gone.
  void remove(const std::string& entry) { named_.erase(entry); }

  /// What is not added between these two is gone.
  void begin_list();
  /// True if the number of those without a name has changed and is not 0.
  bool end_list();

  [[nodiscard]] PassedOver view() const;
  [[nodiscard]] size_t unnamed() const { return unnamed_; }

 private:
  struct Entry {
    uint64_t value_hash = 0;
    std::string reason;
    size_t list = 0;  ///< that it was seen in last
  };
  std::map<std::string, Entry> named_;
  size_t list_ = 0, counted_ = 0, unnamed_ = 0;
  bool is_listing_ = false;
};

}  // namespace flanneld
