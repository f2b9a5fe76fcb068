#include "flanneld/io/srv_lookup.h"

#include <arpa/nameser.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>

#include "common/base/error.h"
#include "common/base/unique_fd.h"

namespace flanneld {
namespace {

constexpr size_t kFixedBytes = 6;  // priority, weight and port, before the host's name
constexpr int kSeconds = 2, kTries = 2;

/// A resolver's state, which reads /etc/resolv.conf.
class Resolver {
 public:
  Resolver() {
    if (::res_ninit(&state_) != 0) throw base::SystemError(EIO, "read the resolver's configuration");
    state_.retrans = kSeconds;
    state_.retry = kTries;
  }
  ~Resolver() { ::res_nclose(&state_); }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  std::vector<SrvRecord> find(const std::string& name) {
    std::vector<unsigned char> answer(NS_MAXMSG);
    const int length = ::res_nquery(&state_, name.c_str(), ns_c_in, ns_t_srv, answer.data(),
                                    static_cast<int>(answer.size()));
    if (length >= 0)
      return parse_srv_answer({answer.data(), std::min(static_cast<size_t>(length), answer.size())});
    const int reason = state_.res_h_errno;
    if (reason == HOST_NOT_FOUND || reason == NO_DATA) return {};
    throw base::SystemError(EIO, fmt::format("look up the SRV records of {}: {}", name, ::hstrerror(reason)));
  }

 private:
  struct __res_state state_ {};
};

Result<SrvLookup::Records> find_all(const std::vector<std::string>& names) {
  try {
    Resolver resolver;
    SrvLookup::Records records;
    for (const std::string& name : names) records.push_back(resolver.find(name));
    return records;
  } catch (const std::exception& error) {
    return Result<SrvLookup::Records>::failure(error.what());
  }
}

}  // namespace

/// What the loop and the thread have in common; it lives as long as either needs it.
struct SrvLookup::Shared {
  base::UniqueFd ready;  ///< readable when there is an answer
  std::mutex mutex;
  std::optional<Result<Records>> answer;
};

std::vector<SrvRecord> parse_srv_answer(std::span<const unsigned char> message) {
  ns_msg handle;
  if (::ns_initparse(message.data(), static_cast<int>(message.size()), &handle) != 0)
    throw base::ParseError("the DNS server's answer is no DNS message");
  std::vector<SrvRecord> records;
  for (int i = 0; i < ns_msg_count(handle, ns_s_an); ++i) {
    ns_rr rr;
    if (::ns_parserr(&handle, ns_s_an, i, &rr) != 0)
      throw base::ParseError("a record of the DNS server's answer cannot be read");
    if (ns_rr_type(rr) != ns_t_srv || ns_rr_rdlen(rr) <= kFixedBytes) continue;
    const unsigned char* data = ns_rr_rdata(rr);
    std::array<char, NS_MAXDNAME> host{};
    if (::dn_expand(message.data(), message.data() + message.size(), data + kFixedBytes, host.data(),
                    static_cast<int>(host.size())) < 0)
      throw base::ParseError("a name in the DNS server's answer cannot be read");
    const auto number = [&](size_t at) { return static_cast<uint16_t>(data[at] << 8 | data[at + 1]); };
    if (host.front() == '\0' || host.front() == '.') continue;  // there is no such service
    records.push_back({.priority = number(0), .weight = number(2), .port = number(4), .host = host.data()});
  }
  std::ranges::stable_sort(records, {}, [](const SrvRecord& one) {
    return std::tuple(one.priority, -static_cast<int>(one.weight));
  });
  return records;
}

SrvLookup::~SrvLookup() {
  if (shared_) loop_.unwatch(shared_->ready.get());
}

void SrvLookup::start(std::vector<std::string> names, Done done) {
  auto shared = std::make_shared<Shared>();
  shared->ready.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!shared->ready.valid()) base::throw_errno("wait for a DNS lookup");
  try {
    std::thread([shared, names = std::move(names)] {
      auto answer = find_all(names);
      const std::lock_guard lock(shared->mutex);
      shared->answer = std::move(answer);
      ::eventfd_write(shared->ready.get(), 1);
    }).detach();
  } catch (const std::system_error& error) {
    throw base::SystemError(error.code().value(), "begin a DNS lookup");
  }
  if (shared_) loop_.unwatch(shared_->ready.get());
  shared_ = std::move(shared);
  loop_.watch(shared_->ready.get(), EPOLLIN, [this, done = std::move(done)](uint32_t) {
    const auto mine = std::exchange(shared_, nullptr);
    loop_.unwatch(mine->ready.get());
    const std::lock_guard lock(mine->mutex);
    done(*mine->answer);
  });
}

}  // namespace flanneld
