#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/base/timestamp.h"

namespace tributary::edge {

// How a recording writes its times: `rfc3339`, or a pattern in the manner of strptime(3):
//
//     %Y %m %d   year (4 digits), month, day         %y   two digits: 69–99 are 19…, 00–68 are 20…
//     %b %B %h   English name of the month           %H %M %S   hour, minute, second
//     %I %p      hour of 12, AM or PM                %f   fraction of a second, 1 to 9 digits
//     %z         +01:00, +0100 or Z                  %s   seconds since 1970 UTC
//     %F = %Y-%m-%d    %T = %H:%M:%S    %R = %H:%M   %e = %d    %%  a percent sign
//
// A space stands for any number of spaces; other characters for themselves. Numbers of two digits
// may have one. A pattern without a date or without %z takes 1970-01-01 and the zone.
class TimeFormat {
 public:
  TimeFormat() = default;  // RFC 3339
  // `zone`: "UTC", "Z" or a fixed offset, "+01:00". errc::invalid_argument says what is unknown.
  static Result<TimeFormat> create(std::string_view pattern, std::string_view zone);

  // errc::invalid_argument when the text doesn't fit the pattern or is no such time (30 February).
  Result<Timestamp> read(std::string_view text) const;

 private:
  TimeFormat(std::string pattern, std::string offset)
      : pattern_(std::move(pattern)), offset_(std::move(offset)) {}

  std::string pattern_;       // without the abbreviations; empty: RFC 3339
  std::string offset_ = "Z";  // "+01:00"
};

}  // namespace tributary::edge
