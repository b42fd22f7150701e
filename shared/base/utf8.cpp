#include "shared/base/utf8.h"

#include <cstddef>
#include <cstdint>

namespace tributary {

bool is_utf8(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const auto first = static_cast<std::uint8_t>(bytes[at]);
    const std::size_t size = first < 0x80   ? 1
                             : first < 0xc2 ? 0
                             : first < 0xe0 ? 2
                             : first < 0xf0 ? 3
                             : first < 0xf5 ? 4
                                            : 0;
    if (size == 0 || size > bytes.size() - at) return false;
    for (std::size_t i = 1; i < size; ++i) {
      const auto next = static_cast<std::uint8_t>(bytes[at + i]);
      // The second byte rules out what is overlong, a surrogate or beyond U+10FFFF.
      const auto least = i > 1 ? 0x80 : first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
      const auto most = i > 1 ? 0xbf : first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
      if (next < least || next > most) return false;
    }
    at += size;
  }
  return true;
}

}  // namespace tributary
