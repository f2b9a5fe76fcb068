#include "flanneld/node/wireguard_key.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>

#include "common/base/error.h"
#include "common/base/file.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/flanneld/test_support.h"

using flanneld::ensure_wireguard_key;
using flanneld::format_wireguard_key;
using flanneld::WireguardKeyFiles;
using namespace flanneld_test;

namespace {

constexpr const char* kText = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";  // wg(8)
constexpr const char* kPublicText = "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=";

struct Files {
  test::TempDir dir;
  WireguardKeyFiles files{.upstream = dir.path() + "/run/wgkey",
                          .lasting = dir.path() + "/lib/flannel/wgkey"};

  void write_upstream(const std::string& text) const {
    std::filesystem::create_directories(dir.path() + "/run");
    base::write_file_atomic(files.upstream, text, 0400);
  }
  [[nodiscard]] std::string lasting() const { return base::read_file(files.lasting, 100).value_or(""); }
};

}  // namespace

TEST_CASE("wireguard key: text, and its public half") {
  const auto key = flanneld::parse_wireguard_key(kText).value();
  CHECK(format_wireguard_key(key) == kText);
  CHECK(format_wireguard_key(flanneld::public_wireguard_key(key)) == kPublicText);
  CHECK_FALSE(flanneld::parse_wireguard_key(""));
  CHECK_FALSE(flanneld::parse_wireguard_key("yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBg=="));
}

TEST_CASE("wireguard key: is made once, for its owner alone, and stays") {
  const Files files;
  const auto key = ensure_wireguard_key(files.files);
  CHECK(files.lasting() == format_wireguard_key(key));
  CHECK(ensure_wireguard_key(files.files) == key);
  struct stat status {};
  REQUIRE(::stat(files.files.lasting.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0400);
  CHECK_FALSE(std::filesystem::exists(files.files.upstream));
  CHECK(ensure_wireguard_key(Files().files) != key);
}

TEST_CASE("wireguard key: that of a Go flanneld is used, and outlives /run") {
  const Files files;
  ensure_wireguard_key(files.files);
  files.write_upstream(std::string(kText) + "\n");
  CHECK(format_wireguard_key(ensure_wireguard_key(files.files)) == kText);
  std::filesystem::remove(files.files.upstream);
  CHECK(format_wireguard_key(ensure_wireguard_key(files.files)) == kText);
}

TEST_CASE("wireguard key: a chosen file goes before all others") {
  Files files;
  files.write_upstream(kText);
  files.files.chosen = files.dir.path() + "/own/key";
  const auto key = ensure_wireguard_key(files.files);
  CHECK(format_wireguard_key(key) != kText);
  CHECK(base::read_file(*files.files.chosen, 100) == format_wireguard_key(key));
  CHECK(files.lasting().empty());
}

TEST_CASE("wireguard key: a file without a key is told of by its name, not by what is in it") {
  const Files files;
  files.write_upstream("c2VjcmV0");
  const std::string text = parse_failure([&] { ensure_wireguard_key(files.files); });
  CHECK(contains(text, files.files.upstream));
  CHECK_FALSE(contains(text, "c2VjcmV0"));
}
