#include "collector/outcome.h"

#include "shared/base/check.h"

namespace tributary::collector {

void Totals::count(Outcome::Verdict verdict, std::uint64_t records) {
  CHECK(verdict != Outcome::Verdict::retry);
  switch (verdict) {
    case Outcome::Verdict::stored:
      stored += records;
      break;
    case Outcome::Verdict::duplicate:
      duplicates += records;
      break;
    case Outcome::Verdict::conflict:
      conflicts += records;
      break;
    case Outcome::Verdict::rejected:
      rejected += records;
      break;
    case Outcome::Verdict::retry:
      break;
  }
}

}  // namespace tributary::collector
