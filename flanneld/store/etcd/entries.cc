#include "flanneld/store/etcd/entries.h"

#include <fmt/format.h>

#include "common/base/error.h"

namespace flanneld {

std::string clean_etcd_prefix(std::string_view prefix) {
  std::string result;
  for (const char one : prefix)
    if (one != '/' || result.empty() || result.back() != '/') result += one;
  while (!result.empty() && result.back() == '/') result.pop_back();
  return result;
}

std::string LeaseEntries::config_path() const { return fmt::format("{}/config", prefix_); }

std::string LeaseEntries::subnets() const { return fmt::format("{}/subnets/", prefix_); }

std::string LeaseEntries::path(const LeaseKey& key) const {
  return fmt::format("{}/subnets/{}", prefix_, key.format());
}

std::optional<LeaseKey> LeaseEntries::key_of(const std::string& path) const {
  const std::string directory = subnets();
  if (!path.starts_with(directory)) return std::nullopt;
  const std::string name = path.substr(directory.size());
  const auto key = LeaseKey::parse(name);
  return key && key->format() == name ? key : std::nullopt;
}

std::optional<Lease> LeaseEntries::read(const EtcdKeyValue& kv) {
  const auto key = key_of(kv.key);
  if (!key) {
    skip(kv, "the name is not the key of a lease");
    return std::nullopt;
  }
  try {
    Lease lease{*key, LeaseAttributes::parse(kv.value), std::nullopt};
    if (kv.lease != 0) lease.expiry = now_() + kLeaseTime;
    unreadable_.remove(kv.key);
    return lease;
  } catch (const base::ParseError& error) {
    skip(kv, error.what());
    return std::nullopt;
  }
}

std::optional<LeaseEvent> LeaseEntries::read(const EtcdEvent& event) {
  if (!event.is_delete) {
    const auto lease = read(event.kv);
    return lease ? std::optional(LeaseEvent{LeaseEvent::Kind::put, *lease}) : std::nullopt;
  }
  unreadable_.remove(event.kv.key);
  const auto key = key_of(event.kv.key);
  if (!key) return std::nullopt;
  return LeaseEvent{LeaseEvent::Kind::removed, {*key, {}, std::nullopt}};
}

void LeaseEntries::skip(const EtcdKeyValue& kv, const std::string& reason) {
  if (unreadable_.add(kv.key, kv.value, reason)) skipped_({kv.key, reason});
}

void LeaseEntries::pass_over(const EtcdKeyValue& kv) {
  skip(kv, fmt::format("it is longer than {} bytes", kEtcdPageBytes));
}

void LeaseEntries::end_list() {
  if (unreadable_.end_list())
    skipped_({subnets(), fmt::format("{} more entries below it cannot be used", unreadable_.unnamed())});
}

}  // namespace flanneld
