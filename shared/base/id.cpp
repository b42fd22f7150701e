#include "shared/base/id.h"

#include <fstream>

#include "shared/base/random.h"

namespace tributary {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

Id read_boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string text;
  std::getline(file, text);
  std::erase(text, '-');
  const auto id = Id::parse(text);
  return id ? *id : Id::random();
}

}  // namespace

std::string Id::text() const {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const auto byte : bytes) {
    text.push_back(kDigits[std::to_integer<unsigned>(byte) >> 4]);
    text.push_back(kDigits[std::to_integer<unsigned>(byte) & 15]);
  }
  return text;
}

std::optional<Id> Id::parse(std::string_view text) {
  Id id;
  if (text.size() != 2 * id.bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    const auto high = kDigits.find(text[2 * i]);
    const auto low = kDigits.find(text[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    id.bytes[i] = static_cast<std::byte>(high << 4 | low);
  }
  return id;
}

Id Id::random() {
  Id id;
  fill_random(id.bytes);
  return id;
}

const Id& boot_id() {
  static const Id id = read_boot_id();
  return id;
}

}  // namespace tributary
