#include "shared/observe/health.h"

#include <catch2/catch.hpp>
#include <stdexcept>

using namespace tributary;

TEST_CASE("a program is up when each of its parts is") {
  Health health;
  REQUIRE(health.report().up);
  bool connected = true;
  health.add("mqtt",
             [&] { return HealthCheck{connected, connected ? "" : "not \"connected\"", false}; });
  health.add("store", [] { return HealthCheck{}; });
  REQUIRE(health.report().json() ==
          R"({"status":"up","checks":{"mqtt":{"status":"up"},"store":{"status":"up"}}})");
  connected = false;
  const auto report = health.report();
  REQUIRE_FALSE(report.up);
  REQUIRE(
      report.json() ==
      R"({"status":"down","checks":{"mqtt":{"status":"down","detail":"not \"connected\""},"store":{"status":"up"}}})");
}

TEST_CASE("a warning leaves a part up and can be seen") {
  Health health;
  health.add("stream", [] { return HealthCheck{true, "the lag is 16 days old", true}; });
  REQUIRE(
      health.report().json() ==
      R"({"status":"up","checks":{"stream":{"status":"up","warning":true,"detail":"the lag is 16 days old"}}})");
}

TEST_CASE("a check that throws is a part that is down") {
  Health health;
  health.add("store", []() -> HealthCheck { throw std::runtime_error("broken"); });
  const auto report = health.report();
  REQUIRE_FALSE(report.up);
  REQUIRE(report.checks.at("store").detail == "the check failed: broken");
}

TEST_CASE("a part that is added again replaces the first") {
  Health health;
  health.add("store", [] { return HealthCheck{false, "old", false}; });
  health.add("store", [] { return HealthCheck{}; });
  REQUIRE(health.report().up);
}
