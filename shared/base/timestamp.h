#pragma once

#include <compare>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace tributary {

// An instant of UTC, years 0001 to 9999, to the nanosecond.
//
// A leap second, 23:59:60 UTC, is the second before it with 1,000,000,000 added to its nanoseconds:
// it sorts after 23:59:59 and before 00:00:00, and is written as :60 again.
struct Timestamp {
  std::int64_t seconds = 0;      // since 1970-01-01T00:00:00Z, without leap seconds
  std::int32_t nanoseconds = 0;  // 0 … 999,999,999; up to 1,999,999,999 in a leap second

  auto operator<=>(const Timestamp&) const = default;

  // RFC 3339 with an offset, at most 9 fractional digits. The error says what is wrong in a few
  // words ("hour is 24: at most 23"). "T" and "Z" may be lower case, "T" may be a space, as RFC
  // 3339 (5.6) allows. An offset that moves the instant out of years 0001–9999 is refused.
  static std::expected<Timestamp, std::string_view> parse(std::string_view text);

  // UTC with "Z" and 0, 3, 6 or 9 fractional digits, as many as needed.
  [[nodiscard]] std::string text() const;
  // The same, added to the end of a string.
  void append_text(std::string& to) const;

  static Timestamp from_unix_nanoseconds(std::int64_t nanoseconds);
};

// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day);

}  // namespace tributary
