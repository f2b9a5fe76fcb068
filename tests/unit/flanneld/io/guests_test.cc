#include "flanneld/io/guests.h"

#include <doctest/doctest.h>

using base::IpAddress;
using flanneld::Guests;

namespace {

const IpAddress kHere = IpAddress::v4(0x7f000001), kThere = IpAddress::v4(0xc0a80114);

}  // namespace

TEST_CASE("guests: the oldest that has not finished its request goes first") {
  Guests guests({.connections = 3, .answer_bytes = 100});
  CHECK_FALSE(guests.find_one_too_many());
  for (const int fd : {10, 11, 12}) guests.add(fd, kHere);
  CHECK(guests.are_full());
  guests.answer(10, 5);
  CHECK(guests.find_one_too_many() == 11);
  guests.dismiss(11);
  CHECK_FALSE(guests.are_full());
  guests.answer(12, 5);
  CHECK(guests.find_one_too_many() == 10);  // all have an answer: the one that had it first
}

TEST_CASE("guests: the address that holds most loses one") {
  Guests guests({.connections = 4, .answer_bytes = 100});
  guests.add(10, kThere);
  for (const int fd : {11, 12, 13}) guests.add(fd, kHere);
  CHECK(guests.find_one_too_many() == 11);
}

TEST_CASE("guests: answers that nobody reads are bounded, the newest one apart") {
  Guests guests({.connections = 8, .answer_bytes = 100});
  for (const int fd : {10, 11, 12}) guests.add(fd, kHere);
  guests.answer(11, 60);
  CHECK_FALSE(guests.find_hoarder());
  guests.answer(10, 60);
  CHECK(guests.find_hoarder() == 11);
  guests.dismiss(11);
  CHECK_FALSE(guests.find_hoarder());
  guests.answer(12, 1000);
  CHECK(guests.find_hoarder() == 10);
  guests.dismiss(10);
  CHECK_FALSE(guests.find_hoarder());  // however long its answer is
}
