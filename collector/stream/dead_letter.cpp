#include "collector/stream/dead_letter.h"

#include <openssl/evp.h>

#include <array>

#include "shared/base/check.h"

namespace tributary::collector {
namespace {

constexpr std::size_t kTextSizeMax = 1024;

std::string sha256(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += kDigits[digest.at(i) >> 4];
    text += kDigits[digest.at(i) & 15];
  }
  return text;
}

}  // namespace

DeadLetterRecord::DeadLetterRecord(Envelope envelope, std::size_t event_size_max)
    : envelope_(envelope), detail_(envelope.detail.substr(0, kTextSizeMax)) {
  envelope_.flags |= Envelope::kDeadLetter;
  if (envelope.event.size() > event_size_max) {
    detail_ += " (cut from " + std::to_string(envelope.event.size()) + " bytes, SHA-256 " +
               sha256(envelope.event) + ")";
    envelope_.event = envelope.event.substr(0, event_size_max);
  }
  envelope_.detail = detail_;
  envelope_.topic = envelope.topic.substr(0, kTextSizeMax);
  envelope_.edge = envelope.edge.substr(0, kTextSizeMax);
  envelope_.source = envelope.source.substr(0, kTextSizeMax);
}

}  // namespace tributary::collector
