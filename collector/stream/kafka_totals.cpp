#include "collector/stream/kafka_totals.h"

#include <charconv>
#include <cstdint>

namespace tributary::collector {
namespace {

constexpr std::string_view kFormat = "tributary/";
constexpr std::string_view kVersion = "1";

std::unexpected<Error> fail_corrupt(std::string_view metadata) {
  constexpr std::size_t kShownMax = 80;
  return fail(errc::corrupt, "\"" + std::string(metadata.substr(0, kShownMax)) +
                                 "\", the metadata of its commit, is no totals");
}

// Takes the next word away, and the space behind it.
std::string_view take_word(std::string_view& text) {
  const auto end = text.find(' ');
  const auto word = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return word;
}

// Where the total of that name is kept; null for a name that is none.
std::uint64_t* find_total(Totals& totals, std::string_view name) {
  if (name == "stored") return &totals.stored;
  if (name == "duplicates") return &totals.duplicates;
  if (name == "conflicts") return &totals.conflicts;
  if (name == "rejected") return &totals.rejected;
  return nullptr;
}

}  // namespace

std::string encode_metadata(const Totals& totals) {
  return std::string(kFormat) + std::string(kVersion) + " stored=" + std::to_string(totals.stored) +
         " duplicates=" + std::to_string(totals.duplicates) +
         " conflicts=" + std::to_string(totals.conflicts) +
         " rejected=" + std::to_string(totals.rejected);
}

void add(Totals& to, const Totals& more) {
  to.stored += more.stored;
  to.duplicates += more.duplicates;
  to.conflicts += more.conflicts;
  to.rejected += more.rejected;
}

Result<Totals> decode_metadata(std::string_view metadata) {
  auto rest = metadata;
  const auto format = take_word(rest);
  if (!format.starts_with(kFormat)) return fail_corrupt(metadata);
  if (const auto version = format.substr(kFormat.size()); version != kVersion) {
    return fail(errc::unknown_version, "the totals have version " + std::string(version) +
                                           "; this program knows version 1: use a newer one");
  }
  Totals totals;
  while (!rest.empty()) {
    const auto word = take_word(rest);
    const auto equals = word.find('=');
    if (equals == std::string_view::npos) return fail_corrupt(metadata);
    auto* const total = find_total(totals, word.substr(0, equals));
    const auto digits = word.substr(equals + 1);
    const auto* const begin = digits.data();
    const auto* const end = begin + digits.size();
    if (total == nullptr || digits.empty()) return fail_corrupt(metadata);
    const auto parsed = std::from_chars(begin, end, *total);
    if (parsed.ec != std::errc() || parsed.ptr != end) return fail_corrupt(metadata);
  }
  return totals;
}

}  // namespace tributary::collector
