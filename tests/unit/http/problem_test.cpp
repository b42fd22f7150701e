#include "shared/http/problem.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace tributary;

TEST_CASE("a problem says its status, title and detail") {
  const auto response = problem(404, "no pipeline \"x\"");
  REQUIRE(response.status == 404);
  REQUIRE(response.content_type == "application/problem+json");
  REQUIRE(
      response.body ==
      R"({"type":"about:blank","title":"Not Found","status":404,"detail":"no pipeline \"x\""})");
}

TEST_CASE("a problem lists the errors of the records, and what else the caller adds") {
  const auto response = problem(400, "1 of 2 records is invalid",
                                {{1, "/humidity", "is 101: at most 100"}}, {{"accepted", "1"}});
  const auto json = nlohmann::json::parse(response.body);
  REQUIRE(json["accepted"] == 1);
  REQUIRE(json["errors"].size() == 1);
  REQUIRE(json["errors"][0]["index"] == 1);
  REQUIRE(json["errors"][0]["pointer"] == "/humidity");
  REQUIRE(json["errors"][0]["detail"] == "is 101: at most 100");
}

TEST_CASE("a problem stays JSON whatever bytes its detail has") {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  const auto json = nlohmann::json::parse(problem(400, bytes).body);
  REQUIRE(json["detail"].get<std::string>().find("\xEF\xBF\xBD") != std::string::npos);
}
