#include "shared/base/result.h"

#include <catch2/catch.hpp>
#include <cerrno>

using namespace tributary;

namespace {

Result<int> half(int number) {
  if (number % 2 != 0)
    return fail(errc::invalid_argument, "cannot halve " + std::to_string(number));
  return number / 2;
}

Result<int> quarter(int number) {
  TRIBUTARY_ASSIGN(const int halved, half(number));
  TRIBUTARY_TRY(half(halved));
  return half(halved);
}

}  // namespace

TEST_CASE("a failure travels to the caller with its code and words") {
  REQUIRE(quarter(8) == 2);
  const auto failed = quarter(6);
  REQUIRE_FALSE(failed);
  REQUIRE(failed.error() == errc::invalid_argument);
  REQUIRE(failed.error().within("quarter").message() == "quarter: cannot halve 3");
}

TEST_CASE("a failure of the operating system says its reason") {
  errno = ENOSPC;
  const Error error = fail_errno("cannot write x").error();
  REQUIRE(error.code() == std::errc::no_space_on_device);
  REQUIRE(error.message() == "cannot write x: No space left on device");
}
