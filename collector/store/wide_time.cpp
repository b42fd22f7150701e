#include "collector/store/wide_time.h"

namespace tributary::collector {
namespace {

constexpr std::size_t kWideTimeSize = 30;

}  // namespace

std::string wide_time(Timestamp time) {
  constexpr std::int32_t kSecond = 1'000'000'000;
  const auto fraction = time.nanoseconds % kSecond;
  time.nanoseconds -= fraction;
  auto text = time.text();
  text.pop_back();
  const auto digits = std::to_string(fraction);
  return text + "." + std::string(9 - digits.size(), '0') + digits + "Z";
}

std::string narrow_time(std::string_view text) {
  if (text.size() == kWideTimeSize) {
    if (const auto time = Timestamp::parse(text)) return time->text();
  }
  return std::string(text);
}

}  // namespace tributary::collector
