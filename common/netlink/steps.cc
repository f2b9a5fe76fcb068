#include "common/netlink/steps.h"

#include <utility>

namespace netlink {

void Steps::add(const Message& request, std::string doing) {
  requests_.add(request);
  doing_.push_back(std::move(doing));
}

std::vector<Steps::Refusal> Steps::send(NetlinkSocket& socket) {
  if (doing_.empty()) return {};
  PackedRequests requests = std::exchange(requests_, {});
  const std::vector<std::string> doing = std::exchange(doing_, {});
  std::vector<Refusal> refusals;
  for (const auto& refused : socket.send_packed(requests, doing.front()))
    refusals.push_back(
        {refused.place, NetlinkError(refused.error_number, doing.at(refused.place), refused.kernel_text)});
  return refusals;
}

void Steps::run(NetlinkSocket& socket, int expected) {
  for (const Refusal& refusal : send(socket))
    if (refusal.error.error_number() != expected) throw NetlinkError(refusal.error);
}

}  // namespace netlink
