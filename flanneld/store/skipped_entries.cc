#include "flanneld/store/skipped_entries.h"

#include <fmt/format.h>

#include "common/base/hash.h"
#include "common/base/text.h"

namespace flanneld {

bool SkippedEntries::add(const std::string& entry, std::string_view value, const std::string& reason) {
  const auto known = named_.find(entry);
  if (known == named_.end() && named_.size() >= kMostNamed) {
    if (is_listing_) ++counted_;
    return false;
  }
  const uint64_t hash = base::fnv1a_64(value);
  const bool is_new = known == named_.end() || known->second.value_hash != hash;
  named_[entry] = {hash, reason, list_};
  return is_new;
}

void SkippedEntries::begin_list() {
  ++list_;
  counted_ = 0;
  is_listing_ = true;
}

bool SkippedEntries::end_list() {
  std::erase_if(named_, [this](const auto& one) { return one.second.list != list_; });
  is_listing_ = false;
  const size_t before = unnamed_;
  unnamed_ = counted_;
  return unnamed_ != 0 && unnamed_ != before;
}

PassedOver SkippedEntries::view() const {
  PassedOver skipped{.named = {}, .unnamed = unnamed_};
  for (const auto& [entry, known] : named_)
    skipped.named.push_back(fmt::format("{}: {}", base::quoted(entry), known.reason));
  return skipped;
}

}  // namespace flanneld
