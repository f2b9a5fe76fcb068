#include "common/base/printable.h"

#include <doctest/doctest.h>

TEST_CASE("printable: takes from text what steers a terminal or breaks a line") {
  CHECK(base::printable("red \x1b[31m\r\nnext\ttab\x7f") == "red  [31m  next tab ");
  CHECK(base::printable("\xc2\x9b"
                        "31m CSI") == " 31m CSI");
  CHECK(base::printable(std::string_view("a\0b", 3)) == "a b");
}

TEST_CASE("printable: leaves other characters, and those that are kept") {
  CHECK(base::printable("Köln → 東京 \xc2\xa0") == "Köln → 東京 \xc2\xa0");
  CHECK(base::printable("one\ntwo\tthree", "\n") == "one\ntwo three");
  CHECK(base::printable("cut off \xc2") == "cut off \xc2");
}
