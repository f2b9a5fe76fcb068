// The indexes that links have now, by name.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace flanneld {

class LinkIndexes {
 public:
  void set(const std::string& name, int ifindex) { by_name_[name] = ifindex; }
  /// nullopt for a link that does not exist.
  [[nodiscard]] std::optional<int> find(const std::string& name) const;
  /// nullptr if no known link has the index.
  [[nodiscard]] const std::string* name_of(int ifindex) const;

 private:
  std::map<std::string, int> by_name_;
};

}  // namespace flanneld
