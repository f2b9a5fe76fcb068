#include "flanneld/commands/udp_port.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/file.h"

using namespace flanneld;

namespace {

std::string udp_line(const std::string& port, const std::string& inode) {
  return "  263: 00000000:" + port +
         " 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 " + inode +
         " 2 0000000000000000 0\n";
}

/// A UDP socket on a free port of the loopback address.
struct BoundSocket {
  base::UniqueFd fd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  uint16_t port = 0;

  BoundSocket() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
    REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
    port = ntohs(address.sin_port);
  }
};

}  // namespace

TEST_CASE("udp port: the sockets of a port are found in the kernel's tables, damaged ones too") {
  const std::string tables = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when ...\n" +
                             udp_line("2118", "501") + udp_line("2119", "502") + udp_line("2118", "503");
  CHECK(inodes_of_port(8472, tables) == std::vector<std::string>{"501", "503"});
  CHECK(inodes_of_port(8473, tables) == std::vector<std::string>{"502"});
  CHECK(inodes_of_port(8472, "garbage\n\n : :\n").empty());
}

TEST_CASE("udp port: the process that holds a socket is named") {
  const BoundSocket socket;
  const auto inodes = inodes_of_port(socket.port, base::read_file("/proc/net/udp", 16 << 20).value());
  REQUIRE(inodes.size() == 1);
  CHECK(find_socket_owner(inodes) == fmt::format("{} (unit_tests)", ::getpid()));
  CHECK(find_socket_owner({}) == std::nullopt);
  CHECK(find_socket_owner({"1"}) == std::nullopt);
}
