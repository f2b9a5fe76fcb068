#include "common/base/hash.h"

#include <doctest/doctest.h>

TEST_CASE("fnv1a gives the published values of the empty and of a short text") {
  CHECK(base::fnv1a_32("") == 0x811c9dc5U);
  CHECK(base::fnv1a_32("foobar") == 0xbf9cf968U);
  CHECK(base::fnv1a_64("") == 0xcbf29ce484222325U);
  CHECK(base::fnv1a_64("foobar") == 0x85944171f73967e8U);
}

TEST_CASE("fnv1a hashes pieces as their whole, and otherwise with another start") {
  CHECK(base::fnv1a_64("bar", base::fnv1a_64("foo")) == base::fnv1a_64("foobar"));
  CHECK(base::fnv1a_32("bar", base::fnv1a_32("foo")) == base::fnv1a_32("foobar"));
  CHECK(base::fnv1a_32("foobar", base::kFnv32Start + 1) != base::fnv1a_32("foobar"));
  CHECK(base::fnv1a_32("\xff") == ((base::kFnv32Start ^ 0xffU) * 16777619U));  // a byte, whatever char's sign
}

TEST_CASE("sha512_hex gives the digest of FIPS 180-4's example") {
  CHECK(base::sha512_hex("abc") ==
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}
