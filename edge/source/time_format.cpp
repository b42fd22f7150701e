#include "edge/source/time_format.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

namespace tributary::edge {
namespace {

constexpr std::array<std::string_view, 12> kMonths{"january",   "february", "march",    "april",
                                                   "may",       "june",     "july",     "august",
                                                   "september", "october",  "november", "december"};
constexpr std::string_view kDirectives = "YmdybBHMSIpfzs%";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// %F and the like, written out.
std::string expand(std::string_view pattern) {
  std::string expanded;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool directive = pattern[i] == '%' && i + 1 < pattern.size();
    if (!directive) {
      expanded += pattern[i];
      continue;
    }
    switch (pattern[++i]) {
      case 'F':
        expanded += "%Y-%m-%d";
        break;
      case 'T':
        expanded += "%H:%M:%S";
        break;
      case 'R':
        expanded += "%H:%M";
        break;
      case 'e':
        expanded += "%d";
        break;
      case 'h':
        expanded += "%b";
        break;
      default:
        expanded += {'%', pattern[i]};
    }
  }
  return expanded;
}

bool is_offset(std::string_view text) {
  return text.size() == 6 && (text[0] == '+' || text[0] == '-') && is_digit(text[1]) &&
         is_digit(text[2]) && text[3] == ':' && is_digit(text[4]) && is_digit(text[5]);
}

void append_padded(std::string& to, unsigned number, std::size_t width) {
  std::array<char, 10> digits{};
  const auto end = std::to_chars(digits.begin(), digits.end(), number).ptr;
  const auto count = static_cast<std::size_t>(end - digits.data());
  if (count < width) to.append(width - count, '0');
  to.append(digits.data(), count);
}

// One reading of a text by a pattern.
class Match {
 public:
  Match(std::string_view text, std::string_view offset) : rest_(text), offset_(offset) {}

  bool against(std::string_view pattern) {
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      if (pattern[i] == ' ') {
        while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
      } else if (pattern[i] != '%') {
        if (!skip(pattern[i])) return false;
      } else if (!directive(pattern[++i])) {
        return false;
      }
    }
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
    if (afternoon_ && (hour_ < 1 || hour_ > 12)) return false;
    return rest_.empty();
  }

  [[nodiscard]] std::optional<std::int64_t> unix_seconds() const { return unix_seconds_; }
  [[nodiscard]] std::int32_t nanoseconds() const { return nanoseconds_; }

  // What was matched, as RFC 3339 writes it; its parser knows which of them exist.
  [[nodiscard]] std::string rfc3339() const {
    std::string text;
    append_padded(text, year_, 4);
    append_padded(text += '-', month_, 2);
    append_padded(text += '-', day_, 2);
    append_padded(text += 'T', afternoon_ ? hour_ % 12 + (*afternoon_ ? 12 : 0) : hour_, 2);
    append_padded(text += ':', minute_, 2);
    append_padded(text += ':', second_, 2);
    append_padded(text += '.', static_cast<unsigned>(nanoseconds_), 9);
    return text += offset_;
  }

 private:
  bool skip(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool number(unsigned& into, std::size_t digits_min, std::size_t digits_max) {
    std::size_t count = 0;
    unsigned value = 0;
    while (count < digits_max && count < rest_.size() && is_digit(rest_[count])) {
      value = 10 * value + static_cast<unsigned>(rest_[count++] - '0');
    }
    if (count < digits_min) return false;
    rest_.remove_prefix(count);
    into = value;
    return true;
  }

  bool directive(char name) {
    switch (name) {
      case 'Y':
        return number(year_, 4, 4);
      case 'm':
        return number(month_, 1, 2);
      case 'd':
        return number(day_, 1, 2);
      case 'y':
        if (!number(year_, 2, 2)) return false;
        year_ += year_ < 69 ? 2000 : 1900;
        return true;
      case 'b':
      case 'B':
        return month_name();
      case 'H':
      case 'I':
        return number(hour_, 1, 2);
      case 'M':
        return number(minute_, 1, 2);
      case 'S':
        return number(second_, 1, 2);
      case 'p':
        return half_of_day();
      case 'f':
        return fraction();
      case 'z':
        return offset();
      case 's':
        return since_1970();
      default:
        return skip('%');
    }
  }

  bool starts_with(std::string_view word) const {
    if (rest_.size() < word.size()) return false;
    for (std::size_t i = 0; i < word.size(); ++i) {
      if (lower(rest_[i]) != word[i]) return false;
    }
    return true;
  }

  bool month_name() {
    for (unsigned i = 0; i < kMonths.size(); ++i) {
      const auto name = kMonths.at(i);
      if (!starts_with(name.substr(0, 3))) continue;
      rest_.remove_prefix(starts_with(name) ? name.size() : 3);
      month_ = i + 1;
      return true;
    }
    return false;
  }

  bool half_of_day() {
    if (!starts_with("am") && !starts_with("pm")) return false;
    afternoon_ = starts_with("pm");
    rest_.remove_prefix(2);
    return true;
  }

  bool fraction() {
    std::size_t count = 0;
    std::int32_t value = 0;
    while (count < rest_.size() && count < 9 && is_digit(rest_[count])) {
      value = 10 * value + (rest_[count++] - '0');
    }
    if (count == 0) return false;
    rest_.remove_prefix(count);
    for (; count < 9; ++count) value *= 10;
    nanoseconds_ = value;
    return true;
  }

  bool offset() {
    if (!rest_.empty() && lower(rest_.front()) == 'z') {
      offset_ = "Z";
      rest_.remove_prefix(1);
      return true;
    }
    if (rest_.empty() || (rest_.front() != '+' && rest_.front() != '-')) return false;
    const char sign = rest_.front();
    rest_.remove_prefix(1);
    unsigned hours = 0;
    unsigned minutes = 0;
    if (!number(hours, 2, 2)) return false;
    skip(':');
    if (!number(minutes, 2, 2)) return false;
    offset_ = sign;
    append_padded(offset_, hours, 2);
    append_padded(offset_ += ':', minutes, 2);
    return true;
  }

  bool since_1970() {
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), seconds);
    if (error != std::errc{}) return false;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    unix_seconds_ = seconds;
    return true;
  }

  std::string_view rest_;
  std::string offset_;
  unsigned year_ = 1970;
  unsigned month_ = 1;
  unsigned day_ = 1;
  unsigned hour_ = 0;
  unsigned minute_ = 0;
  unsigned second_ = 0;
  std::int32_t nanoseconds_ = 0;
  std::optional<bool> afternoon_;
  std::optional<std::int64_t> unix_seconds_;
};

}  // namespace

Result<TimeFormat> TimeFormat::create(std::string_view pattern, std::string_view zone) {
  if (zone != "UTC" && zone != "Z" && !is_offset(zone)) {
    return fail(errc::invalid_argument, "unknown time zone \"" + std::string(zone) +
                                            "\": give UTC or a fixed offset such as +01:00");
  }
  std::string offset(is_offset(zone) ? zone : "Z");
  if (!Timestamp::parse("2000-01-01T00:00:00" + offset)) {
    return fail(errc::invalid_argument, "the offset " + offset + " is not -23:59 to +23:59");
  }
  if (pattern == "rfc3339") return TimeFormat({}, std::move(offset));

  auto expanded = expand(pattern);
  for (std::size_t i = 0; i < expanded.size(); ++i) {
    if (expanded[i] != '%') continue;
    if (++i == expanded.size() || !kDirectives.contains(expanded[i])) {
      return fail(errc::invalid_argument,
                  "unknown %" + expanded.substr(std::min(i, expanded.size()), 1) +
                      " in the time format \"" + std::string(pattern) +
                      "\": known are %Y %y %m %d %e %b %B %H %I %p %M %S %f %z %s %F %T %R %%");
    }
  }
  if (expanded.empty()) return fail(errc::invalid_argument, "the time format is empty");
  return TimeFormat(std::move(expanded), std::move(offset));
}

Result<Timestamp> TimeFormat::read(std::string_view text) const {
  const auto refuse = [&](std::string_view reason) {
    return fail(errc::invalid_argument,
                "\"" + std::string(text) + "\" is no time: " + std::string(reason));
  };
  if (pattern_.empty()) {
    const auto time = Timestamp::parse(text);
    if (!time) return refuse(time.error());
    return *time;
  }
  Match match(text, offset_);
  if (!match.against(pattern_)) return refuse("it doesn't fit the format " + pattern_);
  if (const auto seconds = match.unix_seconds()) {
    const Timestamp time{.seconds = *seconds, .nanoseconds = match.nanoseconds()};
    constexpr Timestamp kFirst{.seconds = -62'135'596'800};
    constexpr Timestamp kEnd{.seconds = 253'402'300'800};
    if (time < kFirst || time >= kEnd) return refuse("it is outside of the years 0001 to 9999");
    return time;
  }
  const auto time = Timestamp::parse(match.rfc3339());
  if (!time) return refuse(time.error());
  return *time;
}

}  // namespace tributary::edge
