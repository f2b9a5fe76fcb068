// One simulated agent: flanneld's own store client with its real pauses, and what it has learnt of all
// leases. No kernel, no files.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flanneld/lease/lease.h"
#include "flanneld/lease/network_config.h"
#include "flanneld/store/lease_store.h"
#include "tests/scale/meter.h"

namespace scale {

/// What a node knows of all leases, as small as it can be: a number for the content of each, and their sum.
/// Two that know the same have the same sum.
class View {
 public:
  explicit View(const flanneld::FamilyConfig& subnets)
      : subnets_(subnets), contents_(subnets.subnet_count()) {}

  void put(const flanneld::Lease& lease);
  void remove(const flanneld::LeaseKey& key);
  void clear();
  [[nodiscard]] uint64_t sum() const { return sum_; }

 private:
  /// Where its number is; nullptr for a subnet that is none of the network's.
  uint32_t* place(const flanneld::LeaseKey& key);

  const flanneld::FamilyConfig& subnets_;
  std::vector<uint32_t> contents_;
  uint64_t sum_ = 0;
};

class Member {
 public:
  using MakeStore = std::function<std::unique_ptr<flanneld::LeaseStore>(uint32_t number)>;

  /// `number` tells its address. The others must outlive it.
  Member(uint32_t number, const flanneld::FamilyConfig& subnets, Meter& meter, MakeStore make_store)
      : number_(number), meter_(meter), make_store_(std::move(make_store)), view_(subnets) {}

  /// The node boots: with another MAC address each time, and with the subnet that it had.
  void boot();
  /// The power goes off.
  void stop();

  /// Its lease; nullptr: not claimed since it booted.
  [[nodiscard]] const flanneld::Lease* lease() const { return is_up_ ? &*own_ : nullptr; }
  [[nodiscard]] const View& view() const { return view_; }
  /// The store does not answer, as far as it knows.
  [[nodiscard]] bool has_outage() const { return has_outage_; }
  /// Whole lists that it was sent since it booted.
  [[nodiscard]] uint64_t lists() const { return lists_; }

 private:
  void take(const flanneld::StoreEvent& event);
  void claim(const std::string& config);
  [[nodiscard]] flanneld::LeaseAttributes attributes() const;

  uint32_t number_;
  Meter& meter_;
  MakeStore make_store_;
  View view_;
  std::unique_ptr<flanneld::LeaseStore> store_;
  std::optional<flanneld::Lease> own_;
  uint32_t boots_ = 0;
  uint64_t lists_ = 0;
  bool is_up_ = false, has_outage_ = false;
};

}  // namespace scale
