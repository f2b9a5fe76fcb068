#include "cni-ipam/verbs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "cni-ipam/conf.h"
#include "cni-ipam/resolv_conf.h"
#include "cni-ipam/store/disk_store.h"
#include "cni-ipam/store/lease_mark.h"
#include "common/base/error.h"

namespace ipam {
namespace {

using base::IpAddress;
using cni::Error;
using cni::ErrorCode;
using Mode = DiskStore::Mode;

/// What an attachment holds, and with which mark: its own, else the one of old host-locals.
struct Held {
  std::vector<IpAddress> addresses;
  std::string mark;
};

Held held_by(DiskStore& store, const cni::Attachment& attachment, const std::vector<RangeSet>& sets) {
  store.follow_round_robin(sets);
  for (const std::string& mark : {lease_mark(attachment), legacy_mark(attachment)})
    if (auto addresses = store.find_all(mark, sets); !addresses.empty()) return {std::move(addresses), mark};
  return {};
}

/// The ranges, or none if they are invalid: that must not keep a pod from being deleted or checked.
std::vector<RangeSet> valid_ranges(const cni::Request& request) {
  try {
    return parse_ranges(request);
  } catch (const Error&) {
    return {};
  } catch (const base::ParseError&) {
    return {};
  }
}

std::string describe(const cni::Attachment& attachment) { return describe_mark(lease_mark(attachment)); }

[[noreturn]] void fail_check(const std::string& message, const std::string& details) {
  throw Error(ErrorCode::check_failed, message, details);
}

/// The addresses of prevResult that are ours to give: one outside the ranges is another plugin's.
std::vector<IpAddress> expected_addresses(const cni::Request& request, const std::vector<RangeSet>& sets) {
  const auto previous = request.prev_result();
  if (!previous) return {};
  std::vector<IpAddress> expected;
  for (const cni::IpConfig& ip : previous->ips)
    if (find_range(sets, ip.address.address)) expected.push_back(ip.address.address);
  return expected;
}

/// The directory itself, or the nearest one above it that exists: there ADD would have to write.
std::string nearest_directory(std::string path) {
  struct stat status {};
  while (::stat(path.c_str(), &status) != 0 && errno == ENOENT) {
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    if (slash == 0) return "/";
    path.resize(slash);
  }
  return path;
}

void check_writable(const std::string& directory) {
  const std::string nearest = nearest_directory(directory);
  if (::faccessat(AT_FDCWD, fmt::format("{}/.", nearest).c_str(), W_OK | X_OK, AT_EACCESS) != 0)
    throw Error(ErrorCode::not_available,
                fmt::format("store '{}' cannot be written: {}", directory, base::errno_text(errno)),
                fmt::format("look at '{}': a directory on a writable file system is needed there", nearest));
}

/// Reads all of the configuration that ADD reads.
void parse_for_status(const cni::Request& request) {
  try {
    const std::string resolv_conf = resolv_conf_path(request);
    if (!resolv_conf.empty()) read_resolv_conf(resolv_conf);
    parse_routes(request);
    parse_ranges(request);
  } catch (const base::ParseError& error) {
    throw Error(ErrorCode::not_available, error.what());
  } catch (const Error& error) {
    throw Error(ErrorCode::not_available, error.what(), error.details());
  }
}

/// A store that ADD could not work on. One that is merely busy is none of those.
void check_usable(const std::string& directory, const Machine& machine) {
  constexpr std::chrono::seconds kLockTimeout{1};  // a runtime waits for STATUS every few seconds
  try {
    DiskStore::open(directory, Mode::look, machine, kLockTimeout);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::try_again_later) return;
    throw Error(ErrorCode::not_available, error.what(), error.details());
  }
}

}  // namespace

cni::Result add(const cni::Request& request, const Machine& machine) {
  const std::string directory = store_directory(request);
  const std::vector<RangeSet> sets = parse_ranges(request);
  const std::vector<Requested> requested = parse_requested(request);
  cni::Result result;
  result.routes = parse_routes(request);
  const std::string resolv_conf = resolv_conf_path(request);
  if (!resolv_conf.empty()) result.dns = read_resolv_conf(resolv_conf);
  result.ips.reserve(sets.size());  // from here to the end nothing but the store may fail

  const auto store = DiskStore::open(directory, Mode::create, machine);
  store->follow_round_robin(sets);
  for (const Allocation& one : allocate(sets, requested, request.attachment, *store))
    result.ips.push_back({.address = one.address, .gateway = one.gateway});
  return result;
}

void del(const cni::Request& request, const Machine& machine) {
  const auto store = DiskStore::open(store_directory(request), Mode::existing, machine);
  if (!store) return;
  const Held held = held_by(*store, request.attachment, valid_ranges(request));
  cni::Attempts attempts;
  for (const IpAddress& address : held.addresses)
    attempts.run(fmt::format("release {}", address), [&] { store->release(address, held.mark); });
  if (held.addresses.empty() && !store->unreadable().empty())
    attempts.run("release addresses", [&] {
      throw Error(
          ErrorCode::io_failure,
          fmt::format("cannot tell whether {} holds an address", describe(request.attachment)),
          fmt::format("repair or remove the lease '{}', which cannot be read", store->unreadable().front()));
    });
  attempts.throw_if_any();
}

void check(const cni::Request& request, const Machine& machine) {
  const std::string directory = store_directory(request);
  const std::vector<RangeSet> sets = valid_ranges(request);
  const std::vector<IpAddress> expected = expected_addresses(request, sets);
  const auto store = DiskStore::open(directory, Mode::existing, machine);
  const std::string owner = describe(request.attachment);
  const std::vector<IpAddress> held =
      store ? held_by(*store, request.attachment, sets).addresses : std::vector<IpAddress>();
  if (held.empty())
    fail_check(fmt::format("{} holds no address in store '{}'", owner, directory),
               "its lease was released or removed; delete the pod, so that it is made again");
  for (const IpAddress& address : expected) {
    if (std::find(held.begin(), held.end(), address) != held.end()) continue;
    const auto holder = store->mark_of(address);
    fail_check(
        fmt::format("{} is not held by {}", address, owner),
        holder && !holder->empty()
            ? fmt::format("it is held by {}; one of the two must be made again", describe_mark(*holder))
            : "nobody holds it, so it may be given to another pod; delete the pod, so that it is made again");
  }
}

void gc(const cni::Request& request, const Machine& machine) {
  const std::string directory = store_directory(request);
  std::set<std::string> live;
  for (const cni::Attachment& one : request.valid_attachments()) {
    live.insert(lease_mark(one));
    live.insert(legacy_mark(one));
  }
  const auto store = DiskStore::open(directory, Mode::existing, machine);
  if (store) store->collect([&](const std::string& mark) { return live.contains(mark); });
}

void status(const cni::Request& request, const Machine& machine) {
  const std::string directory = store_directory(request);
  parse_for_status(request);
  check_writable(directory);
  check_usable(directory, machine);
}

}  // namespace ipam
