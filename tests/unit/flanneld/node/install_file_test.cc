#include "flanneld/node/install_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "common/base/error.h"
#include "common/base/file.h"
#include "tests/support/temp_dir.h"

using flanneld::find_rival_configuration;
using flanneld::install_file;

using flanneld::link_other_names;

namespace {

constexpr const char* kConflist =
    R"({"name": "cbr0", "plugins": [{"type": "flannel"}, {"type": "portmap"}]})";

/// What a container sees: its own files, and the node's directory for the runtime.
struct Node {
  Node() {
    std::filesystem::create_directories(image);
    std::filesystem::create_directories(runtime);
    put(image, "flannel", "program", 0775);
    put(image, "cni-conf.json", kConflist, 0644);
  }
  static void put(const std::string& dir, const std::string& name, std::string_view bytes, mode_t mode) {
    const std::string path = fmt::format("{}/{}", dir, name);
    base::write_file_atomic(path, bytes, mode);
    REQUIRE(::chmod(path.c_str(), mode) == 0);
  }
  [[nodiscard]] std::string source(const std::string& name) const {
    return fmt::format("{}/{}", image, name);
  }
  [[nodiscard]] std::string target(const std::string& name) const {
    return fmt::format("{}/{}", runtime, name);
  }
  [[nodiscard]] std::string content(const std::string& name) const {
    return base::read_file(target(name), 1000).value_or("none");
  }
  [[nodiscard]] size_t files() const {
    return base::list_directory(base::open_directory(runtime).get()).size();
  }

  test::TempDir dir;
  std::string image = fmt::format("{}/image", dir.path()), runtime = fmt::format("{}/runtime", dir.path());
};

struct stat status_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status;
}

/// What is said when the copy cannot be made.
std::string refusal(const std::string& source, const std::string& target) {
  try {
    install_file(source, target);
  } catch (const std::exception& error) {
    return error.what();
  }
  return "none";
}

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("install_file: a copy has the content, and the mode less what lets others write") {
  const Node node;
  const auto file = install_file(node.source("flannel"), node.target("flannel"));
  CHECK(file.changed);
  CHECK(file.path == node.target("flannel"));
  CHECK(file.bytes == 7);
  CHECK(node.content("flannel") == "program");
  CHECK((status_of(node.target("flannel")).st_mode & 07777) == 0755);
  CHECK(node.files() == 1);  // and nothing beside it
}

TEST_CASE("install_file: what is there already is left, and is replaced when content or mode differ") {
  const Node node;
  install_file(node.source("flannel"), node.target("flannel"));
  const auto first = status_of(node.target("flannel")).st_ino;
  CHECK_FALSE(install_file(node.source("flannel"), node.target("flannel")).changed);
  CHECK(status_of(node.target("flannel")).st_ino == first);
  REQUIRE(::chmod(node.target("flannel").c_str(), 0600) == 0);
  CHECK(install_file(node.source("flannel"), node.target("flannel")).changed);
  CHECK((status_of(node.target("flannel")).st_mode & 07777) == 0755);
  Node::put(node.image, "flannel", "newer program", 0755);
  CHECK(install_file(node.source("flannel"), node.target("flannel")).changed);
  CHECK(node.content("flannel") == "newer program");
}

TEST_CASE("install_file: a directory as target gets the file under its name") {
  const Node node;
  CHECK(install_file(node.source("flannel"), node.runtime).path == node.target("flannel"));
  CHECK(node.content("flannel") == "program");
}

TEST_CASE(
    "install_file: a program that runs is replaced, and one that is a link to another is not written to") {
  const Node node;
  Node::put(node.runtime, "all-plugins", "many in one", 0755);
  REQUIRE(::symlink("all-plugins", node.target("flannel").c_str()) == 0);
  const base::UniqueFd open_for_writing(::open(node.target("all-plugins").c_str(), O_WRONLY | O_CLOEXEC));
  CHECK(install_file(node.source("flannel"), node.target("flannel")).changed);
  CHECK(S_ISREG(status_of(node.target("flannel")).st_mode));
  CHECK(node.content("all-plugins") == "many in one");
}

TEST_CASE("install_file: a link to the very content is replaced by a file") {
  const Node node;
  REQUIRE(::symlink(node.source("flannel").c_str(), node.target("flannel").c_str()) == 0);
  CHECK(install_file(node.source("flannel"), node.target("flannel")).changed);
  CHECK(S_ISREG(status_of(node.target("flannel")).st_mode));
}

TEST_CASE("install_file: what a killed call left is removed, and has no name that a runtime reads") {
  const Node node;
  Node::put(node.runtime, ".tmp.0123456789abcdef.10-flannel.conflist~", "{\"na", 0644);
  install_file(node.source("cni-conf.json"), node.target("10-flannel.conflist"));
  CHECK(node.content("10-flannel.conflist") == kConflist);
  CHECK(node.files() == 1);
}

TEST_CASE("install_file: refuses what can be of no use, with the file's name, and leaves what was there") {
  const Node node;
  const std::string conflist = node.target("10-flannel.conflist");
  Node::put(node.runtime, "10-flannel.conflist", kConflist, 0644);
  Node::put(node.image, "empty", "", 0755);
  CHECK(holds(refusal(node.source("empty"), node.target("flannel")), "image/empty' is empty"));
  CHECK(
      holds(refusal(node.source("none"), node.target("flannel")), "image/none': No such file or directory"));
  CHECK(holds(refusal(node.image, node.target("flannel")), "image' is no file"));
  CHECK(holds(refusal(node.source("flannel"), fmt::format("{}/none/flannel", node.runtime)),
              "runtime/none', where the node's own should be mounted"));
  for (const char* text : {"{\"plugins\": [{\"type\": \"flannel\"}", "[]", "{}", "{\"plugins\": []}",
                           "{\"plugins\": [{\"type\": \"flannel\"}, {}]}", "{\"plugins\": [\"flannel\"]}"}) {
    Node::put(node.image, "bad.json", text, 0644);
    CHECK_MESSAGE(holds(refusal(node.source("bad.json"), conflist), "image/bad.json"), text);
  }
  CHECK(node.content("10-flannel.conflist") == kConflist);
  CHECK(node.files() == 1);
}

TEST_CASE("find_rival_configuration: tells what the runtime takes instead, and flannel's own older one") {
  const Node node;
  const std::string conflist = node.target("10-flannel.conflist");
  install_file(node.source("cni-conf.json"), conflist);
  CHECK_FALSE(find_rival_configuration(conflist));
  Node::put(node.runtime, "99-loopback.conf", R"({"type": "loopback"})", 0644);
  Node::put(node.runtime, "99-torn.conf", "{", 0644);
  Node::put(node.runtime, "00-notes.txt", "", 0644);
  CHECK_FALSE(find_rival_configuration(conflist));
  Node::put(node.runtime, "20-flannel.conf", R"({"type": "flannel"})", 0644);
  CHECK(holds(find_rival_configuration(conflist).value_or(""), "20-flannel.conf' is an older configuration"));
  Node::put(node.runtime, "05-other.conflist", "{", 0644);
  CHECK(holds(find_rival_configuration(conflist).value_or(""), "takes"));
  CHECK(holds(find_rival_configuration(conflist).value_or(""), "05-other.conflist', which sorts before"));
  CHECK_FALSE(find_rival_configuration(node.target("flannel")));
}

TEST_CASE("install: the plugin has its other names, where nothing else has them") {
  const Node node;
  Node::put(node.runtime, "portmap", "the reference's", 0755);
  const auto installed = install_file(node.source("flannel"), node.runtime);
  CHECK(link_other_names(installed.path) ==
        std::vector<std::string>{"bandwidth", "loopback", "bridge", "ptp", "tuning", "firewall"});
  CHECK(node.content("portmap") == "the reference's");
  CHECK(node.content("loopback") == "program");
  CHECK(std::filesystem::read_symlink(node.target("bandwidth")) == "flannel");
  CHECK(link_other_names(installed.path).empty());

  const auto configuration = install_file(node.source("cni-conf.json"), node.target("10-flannel.conflist"));
  CHECK(link_other_names(configuration.path).empty());

  const auto ipam = install_file(node.source("flannel"), node.target("flannel-ipam"));
  CHECK(link_other_names(ipam.path) == std::vector<std::string>{"host-local"});
  CHECK(std::filesystem::read_symlink(node.target("host-local")) == "flannel-ipam");
}
