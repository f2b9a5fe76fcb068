// flanneld/README.md against the program: each flag and each key stands there, with its default.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <regex>
#include <string>

#include "common/base/file.h"
#include "common/base/text.h"
#include "flanneld/backend/vxlan.h"
#include "flanneld/lease/network_config.h"
#include "flanneld/options/flags.h"

using namespace flanneld;

namespace {

std::string readme() { return base::read_file(SOURCE_DIR "/flanneld/README.md", 1 << 20).value(); }

/// The text between a heading and the next.
std::string section(const std::string& heading) {
  const std::string text = readme();
  const size_t start = text.find(fmt::format("\n## {}\n", heading));
  REQUIRE_MESSAGE(start != std::string::npos, heading);
  return text.substr(start, text.find("\n## ", start + 1) - start);
}

/// `text` as code in a cell of a table; nothing for no text.
std::string code(const std::string& text) {
  if (text.empty()) return "";
  std::string escaped;
  for (const char one : text) escaped += one == '|' ? std::string("\\|") : std::string(1, one);
  return fmt::format("`{}` ", escaped);
}

std::string row_of(const Flag& flag) {
  const std::string argument = *flag.argument ? fmt::format(" {}", flag.argument) : "";
  return fmt::format("| {}| {}| {} |\n", code(fmt::format("--{}{}", flag.name, argument)),
                     code(flag.default_value), flag.help);
}

/// The default in the row of a key or option.
std::string documented_default(const std::string& table, const std::string& key) {
  const std::regex row(fmt::format("\\| `{}` \\([a-z]+\\) \\| ([^|]*) \\|", key), std::regex::extended);
  std::smatch match;
  REQUIRE_MESSAGE(std::regex_search(table, match, row), key);
  return match[1];
}

}  // namespace

TEST_CASE("README: every flag has its row with argument, default and meaning") {
  const std::string text = section("Flags");
  size_t rows = 0;
  for (const Flag& flag : all_flags()) {
    CHECK_MESSAGE(text.find(row_of(flag)) != std::string::npos, "missing: " << row_of(flag));
    ++rows;
  }
  size_t found = 0;
  for (size_t at = text.find("\n| `--"); at != std::string::npos; at = text.find("\n| `--", at + 1)) ++found;
  CHECK(found == rows);  // none that the program does not have
}

TEST_CASE("README: every key of the network configuration has its row") {
  const std::string text = section("Network configuration");
  for (const char* key : NetworkConfig::keys())
    CHECK_MESSAGE(text.find(fmt::format("\n| `{}` (", key)) != std::string::npos, "missing: " << key);
}

TEST_CASE("README: the defaults of the network configuration are what the program computes") {
  const std::string text = section("Network configuration");
  const auto v4 = NetworkConfig::parse(R"({"Network": "10.3.0.0/16"})");
  CHECK(documented_default(text, "EnableIPv4") == fmt::format("`{}`", v4.ipv4.has_value()));
  CHECK(documented_default(text, "EnableIPv6") == fmt::format("`{}`", v4.ipv6.has_value()));
  CHECK(documented_default(text, "SubnetLen").starts_with(fmt::format("{},", v4.ipv4->subnet_len)));
  CHECK(v4.ipv4->subnet_min == base::IpAddress::parse("10.3.1.0"));  // "the second subnet"
  const auto v6 =
      NetworkConfig::parse(R"({"EnableIPv4": false, "EnableIPv6": true, "IPv6Network": "fd00:10:244::/48"})");
  CHECK(documented_default(text, "IPv6SubnetLen").starts_with(fmt::format("{},", v6.ipv6->subnet_len)));
  CHECK(documented_default(text, "Backend").find(fmt::format("\"{}\"", v4.backend_type)) !=
        std::string::npos);

  const VxlanOptions vxlan;
  CHECK(documented_default(text, "VNI").starts_with(fmt::format("`{}`", vxlan.vni)));
  CHECK(documented_default(text, "Port").starts_with(fmt::format("`{}`", vxlan.port)));
  CHECK(documented_default(text, "MTU").starts_with(fmt::format("`{}`", vxlan.mtu)));
  CHECK(documented_default(text, "Learning") == fmt::format("`{}`", vxlan.learning));
  CHECK(documented_default(text, "GBP") == fmt::format("`{}`", vxlan.gbp));
  CHECK(documented_default(text, "DirectRouting") == fmt::format("`{}`", vxlan.direct_routing));
  CHECK(documented_default(text, "ChecksumOffload") == fmt::format("`{}`", vxlan.checksum_offload));
}

TEST_CASE("README: the tests that show the guarantees exist") {
  const std::string text = section("Guarantees");
  const std::regex path("`((netns|unit)/[^`]+)`");
  size_t count = 0;
  for (std::sregex_iterator at(text.begin(), text.end(), path), end; at != end; ++at, ++count)
    CHECK_MESSAGE(std::filesystem::exists(fmt::format("{}/tests/{}", SOURCE_DIR, (*at)[1].str())),
                  (*at)[1].str());
  CHECK(count > 10);
}

TEST_CASE("GUIDE: the tests that it names exist") {
  const std::string text = base::read_file(SOURCE_DIR "/flanneld/GUIDE.md", 1 << 20).value();
  const std::regex path("`((netns|e2e|vm)/[^`]+)`");
  size_t count = 0;
  for (std::sregex_iterator at(text.begin(), text.end(), path), end; at != end; ++at, ++count)
    CHECK_MESSAGE(std::filesystem::exists(fmt::format("{}/tests/{}.bats", SOURCE_DIR, (*at)[1].str())),
                  (*at)[1].str());
  CHECK(count > 10);
}
