#include "flanneld/io/command_line.h"

#include <doctest/doctest.h>

#include "common/base/file.h"
#include "tests/support/temp_dir.h"

using flanneld::expand_command;
using Words = std::vector<std::string>;

TEST_CASE("command line: words end at white space of all kinds, quotes and pipes are letters") {
  CHECK(expand_command("ip route  add\t1\n", {}) == Words{"ip", "route", "add", "1"});
  CHECK(expand_command("a\u00a0b\u3000c\u0085d", {}) == Words{"a", "b", "c", "d"});
  CHECK(expand_command(R"(sh -c 'a | b' "$X")", {"X=1"}) == Words{"sh", "-c", "'a", "|", "b'", "\"1\""});
  CHECK(expand_command(" \t\u2003", {}).empty());
  CHECK(flanneld::trim_white_space("\u00a0\n a b \r\n\u2028") == "a b");
}

TEST_CASE("command line: a value stays in its word, unknown names are empty, stray dollars as in Go") {
  const Words environment{"SUBNET=10.5.1.0/24", "SUB=no", "TWO=a b; rm", "1=one"};
  CHECK(expand_command("r $SUBNET ${SUBNET}x $SUBNETS a$TWO", environment) ==
        Words{"r", "10.5.1.0/24", "10.5.1.0/24x", "", "aa b; rm"});
  CHECK(expand_command("$ a$ $/b $1 $12 ${} ${SUB $SUB-$SUB,", environment) ==
        Words{"$", "a$", "$/b", "one", "one2", "", "SUB", "no-no,"});
  CHECK(expand_command("$TWO", {"TWO=$SUBNET", "SUBNET=x"}) == Words{"$SUBNET"});  // not again
}

TEST_CASE("command line: a program is found in absolute directories of the path, if it may be executed") {
  const test::TempDir directory("/tmp/flanneld-path.XXXXXX");
  base::write_file_atomic(directory.path() + "/plain", "x", 0644);
  base::write_file_atomic(directory.path() + "/program", "x", 0755);
  const std::string path = ".:/nowhere::" + directory.path();
  CHECK(flanneld::find_program("program", path) == directory.path() + "/program");
  CHECK_FALSE(flanneld::find_program("plain", path));
  CHECK_FALSE(flanneld::find_program("program", ""));
  CHECK_FALSE(flanneld::find_program("", path));
  CHECK(flanneld::find_program("./program", path) == "./program");
}
