#include "shared/base/timestamp.h"

#include <array>
#include <charconv>
#include <optional>

namespace tributary {
namespace {

constexpr std::int64_t kSecondsPerDay = 86'400;
constexpr std::int32_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::size_t kFractionDigitsMax = 9;
constexpr std::int64_t kFirstSecond = -62'135'596'800;  // 0001-01-01T00:00:00Z
constexpr std::int64_t kLastSecond = 253'402'300'799;   // 9999-12-31T23:59:59Z

struct Date {
  std::int64_t year;
  unsigned month;
  unsigned day;
};

// H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
Date civil_from_days(std::int64_t days) {
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const auto day_of_era = static_cast<unsigned>(days - era * 146'097);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const unsigned day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned shifted_month = (5 * day_of_year + 2) / 153;
  const unsigned day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  const unsigned month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  return {static_cast<std::int64_t>(year_of_era) + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

unsigned days_in_month(std::int64_t year, unsigned month) {
  constexpr std::array<unsigned, 12> kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return kDays.at(month - 1) + (month == 2 && leap ? 1 : 0);
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] char peek() const { return rest_.empty() ? '\0' : rest_.front(); }

  bool skip(std::string_view any_of) {
    if (rest_.empty() || any_of.find(rest_.front()) == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // Exactly `count` decimal digits.
  std::optional<unsigned> digits(std::size_t count) {
    if (rest_.size() < count) return std::nullopt;
    unsigned value = 0;
    for (const char c : rest_.substr(0, count)) {
      if (c < '0' || c > '9') return std::nullopt;
      value = 10 * value + static_cast<unsigned>(c - '0');
    }
    rest_.remove_prefix(count);
    return value;
  }

  std::string_view all_digits() {
    const auto count = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    const auto found = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return found;
  }

 private:
  std::string_view rest_;
};

void append_number(std::string& to, std::uint64_t number, std::size_t width) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  const auto count = static_cast<std::size_t>(end - digits.data());
  if (count < width) to.append(width - count, '0');
  to.append(digits.data(), count);
}

}  // namespace

std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto year_of_era = static_cast<unsigned>(year - era * 400);
  const unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + static_cast<std::int64_t>(day_of_era) - 719'468;
}

std::expected<Timestamp, std::string_view> Timestamp::parse(std::string_view text) {
  using Refused = std::unexpected<std::string_view>;
  constexpr std::string_view kForm = "not of the form 2026-01-21T10:00:00Z or …+01:00 (RFC 3339)";
  Scanner in(text);

  const auto year = in.digits(4);
  if (!year || !in.skip("-")) return Refused(kForm);
  const auto month = in.digits(2);
  if (!month || !in.skip("-")) return Refused(kForm);
  const auto day = in.digits(2);
  if (!day || !in.skip("Tt ")) return Refused(kForm);
  const auto hour = in.digits(2);
  if (!hour || !in.skip(":")) return Refused(kForm);
  const auto minute = in.digits(2);
  if (!minute || !in.skip(":")) return Refused(kForm);
  const auto second = in.digits(2);
  if (!second) return Refused(kForm);

  if (*year == 0) return Refused("the year is 0000: years go from 0001 to 9999");
  if (*month < 1 || *month > 12) return Refused("the month is not 01 to 12");
  if (*day < 1 || *day > days_in_month(*year, *month)) return Refused("the month has no such day");
  if (*hour > 23) return Refused("the hour is not 00 to 23");
  if (*minute > 59) return Refused("the minute is not 00 to 59");
  if (*second > 60) return Refused("the second is not 00 to 60");

  std::int32_t nanoseconds = 0;
  if (in.skip(".")) {
    const auto fraction = in.all_digits();
    if (fraction.empty()) return Refused("no digits after the decimal point");
    if (fraction.size() > kFractionDigitsMax) return Refused("more than 9 fractional digits");
    for (std::size_t i = 0; i < kFractionDigitsMax; ++i) {
      nanoseconds = 10 * nanoseconds + (i < fraction.size() ? fraction[i] - '0' : 0);
    }
  }

  std::int64_t offset_seconds = 0;
  if (!in.skip("Zz")) {
    if (in.at_end()) return Refused("no offset from UTC: end it with Z or +01:00");
    const bool west = in.peek() == '-';
    if (!in.skip("+-")) return Refused(kForm);
    const auto hours = in.digits(2);
    if (!hours || !in.skip(":")) return Refused(kForm);
    const auto minutes = in.digits(2);
    if (!minutes) return Refused(kForm);
    if (*hours > 23 || *minutes > 59) return Refused("the offset is not -23:59 to +23:59");
    offset_seconds = 60 * (60 * static_cast<std::int64_t>(*hours) + *minutes) * (west ? -1 : 1);
  }
  if (!in.at_end()) return Refused("characters after the end of the time");

  const bool leap_second = *second == 60;
  const std::int64_t seconds = kSecondsPerDay * days_from_civil(*year, *month, *day) +
                               3600LL * *hour + 60LL * *minute + (leap_second ? 59 : *second) -
                               offset_seconds;
  if (leap_second) {
    const auto second_of_day = ((seconds % kSecondsPerDay) + kSecondsPerDay) % kSecondsPerDay;
    if (second_of_day != kSecondsPerDay - 1)
      return Refused("second 60 exists at 23:59:60 UTC only");
    nanoseconds += kNanosecondsPerSecond;
  }
  if (seconds < kFirstSecond || seconds > kLastSecond) {
    return Refused("in UTC it is outside of the years 0001 to 9999");
  }
  return Timestamp{.seconds = seconds, .nanoseconds = nanoseconds};
}

std::string Timestamp::text() const {
  std::string text;
  append_text(text);
  return text;
}

void Timestamp::append_text(std::string& to) const {
  auto days = seconds / kSecondsPerDay;
  auto second_of_day = seconds % kSecondsPerDay;
  if (second_of_day < 0) {
    second_of_day += kSecondsPerDay;
    --days;
  }
  const auto date = civil_from_days(days);
  const bool leap_second = nanoseconds >= kNanosecondsPerSecond;
  const auto number = [&to](auto value, std::size_t width) {
    append_number(to, static_cast<std::uint64_t>(value), width);
  };
  number(date.year, 4);
  to += '-';
  number(date.month, 2);
  to += '-';
  number(date.day, 2);
  to += 'T';
  number(second_of_day / 3600, 2);
  to += ':';
  number(second_of_day / 60 % 60, 2);
  to += ':';
  number(leap_second ? 60 : second_of_day % 60, 2);
  if (const auto fraction = nanoseconds % kNanosecondsPerSecond; fraction != 0) {
    to += '.';
    if (fraction % 1'000'000 == 0) {
      number(fraction / 1'000'000, 3);
    } else if (fraction % 1'000 == 0) {
      number(fraction / 1'000, 6);
    } else {
      number(fraction, 9);
    }
  }
  to += 'Z';
}

Timestamp Timestamp::from_unix_nanoseconds(std::int64_t nanoseconds) {
  auto seconds = nanoseconds / kNanosecondsPerSecond;
  auto rest = nanoseconds % kNanosecondsPerSecond;
  if (rest < 0) {
    rest += kNanosecondsPerSecond;
    --seconds;
  }
  return {.seconds = seconds, .nanoseconds = static_cast<std::int32_t>(rest)};
}

}  // namespace tributary
