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
}

TEST_CASE("printable: takes what turns the direction of writing, and bytes that are not UTF-8") {
  CHECK(base::printable("10.5.2.0\xe2\x80\xae 1.861.291\xe2\x80\xac\xe2\x81\xa6\xe2\x81\xa9.") ==
        "10.5.2.0  1.861.291   .");
  CHECK(base::printable("a\xe2\x80\xa8"
                        "b\xe2\x80\xa9"
                        "c") == "a b c");
  CHECK(base::printable("\x9b"
                        "31m \xff \xc0\x8a \xe0\x82\x9b \xed\xa0\x80 \xf5\x80\x80\x80") ==
        " 31m" + std::string(18, ' '));
  CHECK(base::printable("cut off \xc2") == "cut off  ");
  CHECK(base::printable("\xf0\x9f\x90\xb3 \xe2\x80\xa6") == "\xf0\x9f\x90\xb3 \xe2\x80\xa6");
}
