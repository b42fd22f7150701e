#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tributary {

// 128 random bits that name one thing for good: a log, a boot.
struct Id {
  std::array<std::byte, 16> bytes{};

  auto operator<=>(const Id&) const = default;
  // 32 lower-case hexadecimal digits.
  [[nodiscard]] std::string text() const;
  // The id of such a text; nothing for any other text.
  static std::optional<Id> parse(std::string_view text);
  // From the operating system's random source; CHECKs that there is one.
  static Id random();
};

// The id of the machine's boot (/proc/sys/kernel/random/boot_id); a random one where there is none.
// The same for the life of the process.
const Id& boot_id();

}  // namespace tributary
