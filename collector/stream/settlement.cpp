#include "collector/stream/settlement.h"

#include <algorithm>
#include <utility>

#include "collector/stream/totals_codec.h"
#include "shared/base/check.h"

namespace tributary::collector {
namespace {

std::uint64_t count_released(const Position& position) {
  std::uint64_t released = position.prefix.value;
  for (const auto& range : position.ranges) released += range.count();
  return released;
}

Totals sum(Totals totals, const Totals& more) {
  totals.stored += more.stored;
  totals.duplicates += more.duplicates;
  totals.conflicts += more.conflicts;
  totals.rejected += more.rejected;
  return totals;
}

}  // namespace

Settlement::Settlement(Log& log, std::string group, std::uint64_t released)
    : log_(log), group_(std::move(group)), released_(released) {}

void Settlement::begin_anew(const std::string& why) {
  const MutexLock lock(mutex_);
  totals_ = {};
  before_ = released_;
  note_ = "the totals of the group " + group_ + " begin anew after record " +
          std::to_string(released_) + ": " + why;
}

void Settlement::go_on_with(const Totals& totals) {
  const MutexLock lock(mutex_);
  totals_ = totals;
  before_ = released_ - totals.settled();
}

Result<std::unique_ptr<Settlement>> Settlement::load(Log& log, const std::string& group) {
  const auto position = log.position(group);
  const auto released = count_released(position);
  std::unique_ptr<Settlement> loaded(new Settlement(log, group, released));
  if (position.data.empty()) {
    if (released > 0) loaded->begin_anew("its cursor has none");
    return loaded;
  }
  const auto totals = decode_totals(position.data);
  if (!totals && totals.error() == errc::unknown_version) {
    return std::unexpected(totals.error().within("group " + group));
  }
  if (!totals) {
    loaded->begin_anew(totals.error().message());
  } else if (totals->settled() > released) {
    loaded->begin_anew("they count " + std::to_string(totals->settled()) +
                       " records, more than its cursor released");
  } else {
    loaded->go_on_with(*totals);
  }
  return loaded;
}

Result<void> Settlement::settle(SequenceRange range, const Totals& ends) {
  CHECK(range.count() == ends.settled());
  Totals totals;
  {
    const MutexLock lock(mutex_);
    totals = sum(totals_, ends);
  }
  TRIBUTARY_TRY(log_.release(group_, range, encode_totals(totals)));
  const MutexLock lock(mutex_);
  totals_ = totals;
  released_ += range.count();
  return {};
}

Account Settlement::account() const {
  Account account;
  std::uint64_t released = 0;
  {
    const MutexLock lock(mutex_);
    account.totals = totals_;
    released = released_;
  }
  // Asked after the totals, so it is no less than what they count. After a recovery the cursor may
  // be ahead of the last record that is left.
  const auto committed = std::max(log_.stats().committed.value, released);
  account.records = committed - before_;
  account.lag = committed - released;
  return account;
}

}  // namespace tributary::collector
