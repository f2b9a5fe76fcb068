#include "flanneld/node/wireguard_key.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/text.h"
#include "flanneld/io/base64.h"

namespace flanneld {
namespace {

using netlink::WireguardKey;

constexpr size_t kMaxFileBytes = 4096;
constexpr mode_t kKeyMode = 0400, kDirectoryMode = 0755;

/// RFC 7748 section 5: of these bits Curve25519 takes no notice, and the kernel changes them.
WireguardKey clamped(WireguardKey key) {
  key.front() &= 0xf8;
  key.back() = static_cast<uint8_t>((key.back() & 0x7f) | 0x40);
  return key;
}

WireguardKey make_key() {
  WireguardKey key{};
  if (::getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size()))
    base::throw_errno("make a WireGuard key: getrandom");
  return clamped(key);
}

/// nullopt when there is no such file.
std::optional<WireguardKey> read_key(const std::string& path) {
  const auto text = base::read_file(path, kMaxFileBytes);
  if (!text) return std::nullopt;
  if (const auto key = parse_wireguard_key(base::trimmed(*text))) return clamped(*key);
  throw base::ParseError(fmt::format(
      "WireGuard key file {}: it does not hold the base64 text of 32 bytes; remove it, and a new key is made",
      base::quoted(path)));
}

/// On the disk, so that no power cut leaves an empty file in its place.
void sync_file(const std::string& path, int directory) {
  const base::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid() || ::fsync(file.get()) != 0 || ::fsync(directory) != 0)
    base::throw_errno(fmt::format("sync WireGuard key file {}", base::quoted(path)));
}

/// The key that the file has in the end: another agent may make it at the same time.
WireguardKey read_or_make(const std::string& path) {
  if (const auto key = read_key(path)) return *key;
  base::make_parent_directory(path, kDirectoryMode);
  const std::filesystem::path place(path);
  const base::UniqueFd directory =
      base::open_directory(place.parent_path().empty() ? "." : place.parent_path());
  if (!directory.valid())
    throw base::SystemError(ENOENT, fmt::format("make WireGuard key file {}", base::quoted(path)));
  if (base::create_file_at(directory.get(), place.filename(), format_wireguard_key(make_key()), kKeyMode))
    sync_file(path, directory.get());
  if (const auto key = read_key(path)) return *key;
  throw base::SystemError(ENOENT, fmt::format("read WireGuard key file {}", base::quoted(path)));
}

}  // namespace

std::string format_wireguard_key(const WireguardKey& key) {
  return base64_encode({reinterpret_cast<const char*>(key.data()), key.size()});
}

std::optional<WireguardKey> parse_wireguard_key(std::string_view text) {
  const auto bytes = base64_decode(text);
  WireguardKey key{};
  if (!bytes || bytes->size() != key.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), key.begin());
  return key;
}

WireguardKey public_wireguard_key(const WireguardKey& private_key) {
  const std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)> pair(
      ::EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, private_key.data(), private_key.size()),
      ::EVP_PKEY_free);
  WireguardKey key{};
  size_t length = key.size();
  if (!pair || ::EVP_PKEY_get_raw_public_key(pair.get(), key.data(), &length) != 1)
    throw base::SystemError(EIO, "compute a WireGuard public key: libcrypto's X25519");
  return key;
}

WireguardKey ensure_wireguard_key(const WireguardKeyFiles& files) {
  if (files.chosen) return read_or_make(*files.chosen);
  const auto upstreams = read_key(files.upstream);
  if (!upstreams) return read_or_make(files.lasting);
  base::make_parent_directory(files.lasting, kDirectoryMode);
  if (base::read_file(files.lasting, kMaxFileBytes) != format_wireguard_key(*upstreams))
    base::write_file_atomic(files.lasting, format_wireguard_key(*upstreams), kKeyMode, base::Durable::yes);
  return *upstreams;
}

}  // namespace flanneld
