#include <catch2/catch.hpp>
#include <random>

#include "collector/store/store.h"
#include "shared/event/event.h"

namespace tributary::collector {
namespace {

const Keyset kPlace{.time = {.seconds = 1'769'000'000, .nanoseconds = 123'456'789},
                    .key = std::string("\x10sensor\0\0\xff", 10)};

}  // namespace

TEST_CASE("a cursor says where the page ended, in characters that a URL leaves alone") {
  const auto text = kPlace.text();
  REQUIRE(
      text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
      std::string::npos);
  REQUIRE(Keyset::parse(text) == kPlace);
}

TEST_CASE("a cursor of another question is refused") {
  const auto text = kPlace.text("telemetry asc");
  REQUIRE(Keyset::parse(text, "telemetry asc") == kPlace);
  REQUIRE_FALSE(Keyset::parse(text, "telemetry desc"));
  REQUIRE_FALSE(Keyset::parse(text, "clickstream asc"));
  REQUIRE_FALSE(Keyset::parse(text));
}

TEST_CASE("a cursor holds every time and every key") {
  for (const auto* time : {"0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z",
                           "2016-12-31T23:59:60.999999999Z", "1969-12-31T23:59:59.5Z"}) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{2}, std::size_t{3}, kKeySizeMax}) {
      const Keyset place{.time = *Timestamp::parse(time), .key = std::string(size, '\xff')};
      REQUIRE(Keyset::parse(place.text()) == place);
    }
  }
}

TEST_CASE("a cursor that was cut, extended or edited is refused") {
  const auto text = kPlace.text();
  for (std::size_t size = 0; size < text.size(); ++size) {
    REQUIRE_FALSE(Keyset::parse(text.substr(0, size)));
  }
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const char other : {'A', 'z', '_', '=', ' ', '\0', '%'}) {
      auto edited = text;
      edited[at] = other;
      if (edited != text) REQUIRE_FALSE(Keyset::parse(edited));
    }
  }
  REQUIRE_FALSE(Keyset::parse(text + "A"));
  REQUIRE_FALSE(Keyset::parse(text + "="));
  REQUIRE_FALSE(Keyset::parse(text + text));
  REQUIRE_FALSE(Keyset::parse(std::string(1'000'000, 'A')));
}

TEST_CASE("a cursor of an impossible place is refused, though its checksum is right") {
  const auto with = [](std::int64_t seconds, std::int32_t nanoseconds, std::string key) {
    return Keyset{.time = {.seconds = seconds, .nanoseconds = nanoseconds}, .key = std::move(key)}
        .text();
  };
  REQUIRE(Keyset::parse(with(0, 0, "k")));
  REQUIRE_FALSE(Keyset::parse(with(-62'135'596'801, 0, "k")));
  REQUIRE_FALSE(Keyset::parse(with(253'402'300'800, 0, "k")));
  REQUIRE_FALSE(Keyset::parse(with(0, -1, "k")));
  REQUIRE_FALSE(Keyset::parse(with(0, 1'000'000'000, "k")));  // no leap second at 00:00:00
  REQUIRE(Keyset::parse(with(86'399, 1'999'999'999, "k")));
  REQUIRE_FALSE(Keyset::parse(with(86'399, 2'000'000'000, "k")));
  REQUIRE_FALSE(Keyset::parse(with(0, 0, "")));
  REQUIRE_FALSE(Keyset::parse(with(0, 0, std::string(kKeySizeMax + 1, 'k'))));
}

TEST_CASE("any text is either a cursor's own text or refused") {
  std::minstd_rand random(GENERATE(take(1, Catch::Generators::random(1U, 1'000'000U))));
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (int i = 0; i < 20'000; ++i) {
    std::string text(random() % 64, ' ');
    for (auto& digit : text) digit = kDigits[random() % kDigits.size()];
    const auto place = Keyset::parse(text);
    if (place) REQUIRE(place->text() == text);
  }
}

}  // namespace tributary::collector
