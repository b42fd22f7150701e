#include "collector/stream/replay_marks.h"

#include <catch2/catch.hpp>
#include <iostream>
#include <random>

namespace tributary::collector {
namespace {

constexpr Timestamp kEarly{.seconds = 1000, .nanoseconds = 0};
constexpr Timestamp kLate{.seconds = 2000, .nanoseconds = 0};

void take(ReplayMarks& marks, std::string offsets, Timestamp at) {
  const ReplayMarks::Mark mark{.offsets = std::move(offsets), .at = at};
  marks.take({&mark, 1}, 0);
}

TEST_CASE("offsets are written as ranges, and read again") {
  const std::vector<std::uint64_t> offsets{0, 3, 4, 5, 9};
  REQUIRE(replay_mark_texts(offsets) == std::vector<std::string>{"0,3-5,9"});
  ReplayMarks marks;
  take(marks, "0,3-5,9", kEarly);
  for (std::uint64_t offset = 0; offset < 12; ++offset) {
    const bool is_marked = std::ranges::find(offsets, offset) != offsets.end();
    REQUIRE(marks.find(offset).has_value() == is_marked);
  }
}

TEST_CASE("many offsets make several marks, each as long as a detail may be") {
  std::vector<std::uint64_t> offsets;
  for (std::uint64_t i = 0; i < 300; ++i) offsets.push_back(1'000'000'000'000 + 2 * i);
  const auto texts = replay_mark_texts(offsets);
  REQUIRE(texts.size() > 1);
  ReplayMarks marks;
  for (const auto& text : texts) {
    REQUIRE(text.size() <= 1024);
    take(marks, text, kEarly);
  }
  for (const auto offset : offsets) {
    REQUIRE(marks.find(offset));
    REQUIRE(!marks.find(offset + 1));
  }
}

TEST_CASE("the first mark of a letter counts") {
  ReplayMarks marks;
  take(marks, "5-6", kEarly);
  take(marks, "3-8", kLate);
  take(marks, "1-9", kEarly);
  REQUIRE(marks.find(5) == kEarly);
  REQUIRE(marks.find(3) == kLate);
  REQUIRE(marks.find(8) == kLate);
  REQUIRE(marks.find(9) == kEarly);
}

TEST_CASE("what is no range is passed over") {
  ReplayMarks marks;
  take(marks, "x,-3,7-,9-2,,18446744073709551615,2-18446744073709551615,1 2,5", kEarly);
  for (std::uint64_t offset = 0; offset < 20; ++offset) {
    REQUIRE(marks.find(offset).has_value() == (offset == 5));
  }
}

TEST_CASE("a look-up is the same as with a list of all offsets, whatever ranges came") {
  const auto seed = std::random_device()();
  std::cout << "seed " << seed << '\n';
  std::mt19937 random(seed);
  ReplayMarks marks;
  std::vector<std::optional<Timestamp>> model(200);
  for (int i = 0; i < 300; ++i) {
    const auto first = random() % model.size();
    const auto last = std::min<std::size_t>(model.size() - 1, first + random() % 10);
    const Timestamp at{.seconds = static_cast<std::int64_t>(random() % 3), .nanoseconds = 0};
    take(marks, std::to_string(first) + "-" + std::to_string(last), at);
    for (auto offset = first; offset <= last; ++offset) {
      if (!model[offset]) model[offset] = at;
    }
    for (std::size_t offset = 0; offset < model.size(); ++offset) {
      REQUIRE(marks.find(offset) == model[offset]);
    }
  }
}

TEST_CASE("too many ranges make it forget the oldest letters") {
  ReplayMarks marks;
  for (std::uint64_t i = 0; i <= ReplayMarks::kRangesMax; ++i) {
    take(marks, std::to_string(2 * i), kEarly);
  }
  REQUIRE(!marks.find(0));
  REQUIRE(marks.find(2));
  REQUIRE(marks.find(2 * ReplayMarks::kRangesMax));
}

}  // namespace
}  // namespace tributary::collector
