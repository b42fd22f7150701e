#include "collector/stream/dead_letter.h"

#include <openssl/evp.h>

#include <array>
#include <charconv>

#include "shared/base/check.h"
#include "shared/base/hexadecimal.h"

namespace tributary::collector {
namespace {

constexpr std::size_t kTextSizeMax = 1024;
constexpr std::string_view kCut = " (cut from ";
constexpr std::string_view kCutDigest = " bytes, SHA-256 ";
constexpr std::size_t kDigestSize = 64;

std::string sha256(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
  return hexadecimal({reinterpret_cast<const char*>(digest.data()), size});
}

// Whether the detail of an event of that size says that it was longer.
bool says_cut(std::string_view detail, std::size_t size) {
  const auto at = detail.rfind(kCut);
  if (at == std::string_view::npos) return false;
  detail.remove_prefix(at + kCut.size());
  std::uint64_t original = 0;
  const auto parsed = std::from_chars(detail.data(), detail.data() + detail.size(), original);
  detail.remove_prefix(static_cast<std::size_t>(parsed.ptr - detail.data()));
  return detail.size() == kCutDigest.size() + kDigestSize + 1 && detail.starts_with(kCutDigest) &&
         detail.ends_with(')') && original > size;
}

}  // namespace

DeadLetterRecord::DeadLetterRecord(Envelope envelope, std::size_t event_size_max)
    : envelope_(envelope), detail_(envelope.detail.substr(0, kTextSizeMax)) {
  envelope_.flags |= Envelope::kDeadLetter;
  if (envelope.event.size() > event_size_max) {
    detail_.append(kCut).append(std::to_string(envelope.event.size()));
    detail_.append(kCutDigest).append(sha256(envelope.event)).append(")");
    envelope_.event = envelope.event.substr(0, event_size_max);
  }
  envelope_.detail = detail_;
  envelope_.topic = envelope.topic.substr(0, kTextSizeMax);
  envelope_.edge = envelope.edge.substr(0, kTextSizeMax);
  envelope_.source = envelope.source.substr(0, kTextSizeMax);
  envelope_.replayed = envelope.replayed.substr(0, kTextSizeMax);
}

DeadLetter make_dead_letter(const Envelope& envelope) {
  DeadLetter letter;
  letter.reason = envelope.reason;
  letter.detail = envelope.detail;
  letter.topic = envelope.topic;
  letter.pipeline = envelope.pipeline;
  letter.source = envelope.source;
  letter.edge = envelope.edge;
  letter.partition = envelope.partition;
  if ((envelope.flags & Envelope::kRejectedAtIngest) == 0) letter.offset = envelope.offset;
  letter.received_at = envelope.received_at;
  letter.log = envelope.log;
  letter.sender_sequence = envelope.sequence;
  letter.replay_of = envelope.replayed;
  letter.event = envelope.event;
  letter.cut = says_cut(envelope.detail, envelope.event.size());
  return letter;
}

}  // namespace tributary::collector
