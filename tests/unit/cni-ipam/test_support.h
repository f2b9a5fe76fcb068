// What the tests of cni-ipam share: a directory that goes away, requests, a store in memory.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "cni-ipam/store/address_store.h"
#include "cni-ipam/store/machine.h"
#include "common/base/file.h"
#include "common/cni/error.h"
#include "common/cni/request.h"
#include "tests/support/addresses.h"
#include "tests/support/temp_dir.h"

namespace ipam_test {

using test::ip;
using test::net;

/// "code message" of what `action` throws; "" if nothing.
template <class Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (...) {
    const cni::Error error = cni::current_error();
    return std::to_string(static_cast<unsigned>(error.code())) + " " + error.what();
  }
  return "";
}

template <class Action>
std::string details_of(Action&& action) {
  try {
    action();
  } catch (...) {
    const cni::Error error = cni::current_error();
    return error.details();
  }
  return "";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class TempDir : public test::TempDir {
 public:
  TempDir() : test::TempDir("/tmp/ipam-test-XXXXXX") {}
};

/// A node of its own: data directory, state directory, and a boot that the test decides on.
struct Node {
  TempDir dir;
  std::string data = dir.path() + "/networks";
  std::string store = data + "/net1";
  ipam::Machine machine{dir.path() + "/state", [] { return std::string("boot-1"); },
                        [] { return std::optional<int64_t>(); }};

  /// `ipam` is the object's inside: "\"subnet\": \"10.1.2.0/24\"".
  [[nodiscard]] cni::Request request(const std::string& id, const std::string& ipam,
                                     const std::string& more = "",
                                     const std::string& version = "1.0.0") const {
    cni::Request request;
    request.attachment = {id, "eth0"};
    request.network = "net1";
    request.version = version;
    request.config = json::parse("{\"cniVersion\":\"" + version + "\",\"name\":\"net1\"" +
                                     (more.empty() ? "" : "," + more) +
                                     ",\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"" + data + "\"" +
                                     (ipam.empty() ? "" : "," + ipam) + "}}",
                                 "test");
    return request;
  }
  [[nodiscard]] std::string file(const std::string& name) const {
    return base::read_file(store + "/" + name, 1 << 20).value_or("(absent)");
  }
  [[nodiscard]] bool has(const std::string& name) const {
    return ::access((store + "/" + name).c_str(), F_OK) == 0;
  }
  /// As host-local writes a lease; `age_seconds` makes it older.
  void write(const std::string& name, const std::string& text, time_t age_seconds = 0) const {
    std::filesystem::create_directories(store);
    const base::UniqueFd fd(::open((store + "/" + name).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600));
    base::write_all(fd.get(), text, name);
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const timespec times[2] = {{now.tv_sec - age_seconds, now.tv_nsec},
                               {now.tv_sec - age_seconds, now.tv_nsec}};
    if (age_seconds != 0) ::futimens(fd.get(), times);
  }
  [[nodiscard]] std::set<std::string> leases() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(store))
      if (base::IpAddress::parse(entry.path().filename().string())) names.insert(entry.path().filename());
    return names;
  }
};

class FakeStore final : public ipam::AddressStore {
 public:
  std::map<base::IpAddress, std::string> taken;
  std::map<size_t, base::IpAddress> cursors;
  std::set<base::IpAddress> lying;       ///< said to be free, but cannot be reserved
  std::set<base::IpAddress> given_back;  ///< by others: said to be taken until it looks again

  std::vector<base::IpAddress> held_by(const std::string& mark) override {
    std::vector<base::IpAddress> held;
    for (const auto& [address, owner] : taken)
      if (owner == mark) held.push_back(address);
    return held;
  }
  std::optional<std::string> mark_of(const base::IpAddress& address) override {
    const auto found = taken.find(address);
    return found == taken.end() ? std::nullopt : std::optional(found->second);
  }
  std::optional<base::IpAddress> first_free(const base::IpAddress& first,
                                            const base::IpAddress& last) override {
    for (base::IpAddress at = first;; at = at.next()) {
      if (!taken.contains(at)) return at;
      if (at == last) return std::nullopt;
    }
  }
  bool look_again() override {
    const bool news = !given_back.empty();
    for (const base::IpAddress& address : given_back) taken.erase(address);
    given_back.clear();
    return news;
  }
  bool reserve(const base::IpAddress& address, const std::string& mark) override {
    return !lying.contains(address) && taken.emplace(address, mark).second;
  }
  void release(const base::IpAddress& address, const std::string&) override { taken.erase(address); }
  std::optional<base::IpAddress> last_reserved(size_t set) override {
    const auto found = cursors.find(set);
    return found == cursors.end() ? std::nullopt : std::optional(found->second);
  }
  void set_last_reserved(size_t set, const base::IpAddress& address) override {
    cursors.insert_or_assign(set, address);
  }
  ipam::Usage usage(const ipam::RangeSet& set) override {
    ipam::Usage usage;
    for (const ipam::Range& range : set) usage.addresses += range.size();
    usage.held = usage.containers = taken.size();
    return usage;
  }
};

}  // namespace ipam_test
