#include "collector/store/postgresql_writer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "collector/store/conflict.h"
#include "collector/store/postgresql_error.h"
#include "shared/base/bytes.h"
#include "shared/event/json.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;
using Verdict = Outcome::Verdict;

// The server ends what it does before this side gives up on it.
constexpr auto kGrace = 1s;
constexpr std::size_t kPartSize =
    32U << 10;  // of rows, between one look at the connection and the next
constexpr auto kIdleInTransaction = 60s;  // of a transaction whose other end went away

// Of a row of PostgresqlLayout::known_sql() and unhashed_sql().
std::size_t ordinal_of(const PostgresqlRows& rows, int row) {
  std::size_t ordinal = 0;
  for (const char byte : rows.bytes(row, 0)) {
    ordinal = ordinal << 8U | static_cast<unsigned char>(byte);
  }
  return ordinal;
}

}  // namespace

// One batch on its way. Its rows are in the order of their keys, so that two collectors that write
// the same keys take their locks in one order, and none waits for the other in a circle.
struct PostgresqlWriter::Batch {
  explicit Batch(std::span<const Event> of) : events(of), outcomes(of.size()), sorted(of.size()) {
    std::iota(sorted.begin(), sorted.end(), 0);
    std::ranges::sort(sorted, {}, [of](std::size_t i) -> const std::string& { return of[i].key; });
  }

  std::span<const Event> events;
  std::vector<Outcome> outcomes;
  std::vector<std::size_t> sorted;   // all
  std::vector<std::size_t> order{};  // those that have a row, so far
  std::size_t refused = 0;           // those that can't have one
  bool unknown = false;              // why the rest failed
  std::vector<std::size_t> ends{};   // where in rows_ each one's row ends
  // What the transaction at work found to be there, by event; the last word counts.
  std::vector<std::pair<std::size_t, Outcome>> judged{};
};

PostgresqlWriter::PostgresqlWriter(const PostgresqlTarget& target, const PostgresqlCodec& codec,
                                   std::chrono::milliseconds time)
    : target_(target),
      codec_(codec),
      layout_(codec.layout()),
      time_(time),
      write_sql_("BEGIN; " + layout_.copy_sql() + "; " + layout_.insert_sql()) {}

PostgresqlWriter::Written PostgresqlWriter::write(std::span<const Event> events) {
  Batch batch(events);
  std::string problem;
  if (const auto ready = prepare()) {
    problem = write_all(batch);
  } else {
    problem = target_.text("prepare to write", ready.error());
  }
  for (auto& outcome : batch.outcomes) {
    if (outcome.verdict != Verdict::retry) continue;
    outcome.unknown = batch.unknown;
    if (outcome.detail.empty()) outcome.detail = problem;
  }
  return {
      .outcomes = std::move(batch.outcomes), .problem = std::move(problem), .warning = warning_};
}

void PostgresqlWriter::begin_step() {
  connection_.set_deadline(std::chrono::steady_clock::now() + time_ + kGrace);
}

// A connection, with the certainty that the table is as it should be when it was made.
PostgresqlAnswer<void> PostgresqlWriter::prepare() {
  if (connection_.usable()) {
    begin_step();
    return {};
  }
  connection_ = {};
  auto connected = connect();
  if (!connected) connection_ = {};
  return connected;
}

PostgresqlAnswer<void> PostgresqlWriter::connect() {
  TRIBUTARY_ASSIGN(connection_, PostgresqlConnection::open(target_));
  begin_step();
  const auto milliseconds = [](std::chrono::milliseconds time) {
    return std::to_string(time.count());
  };
  // Joins go by the index on the key: the statistics of a table that has just been filled, or of a
  // batch, would say anything.
  TRIBUTARY_TRY(connection_.execute(
      "SET statement_timeout = " + milliseconds(time_) +
      "; SET lock_timeout = " + milliseconds(time_) +
      "; SET idle_in_transaction_session_timeout = " + milliseconds(kIdleInTransaction) +
      "; SET default_transaction_isolation = 'read committed'; SET client_min_messages = warning"
      "; SET jit = off; SET enable_hashjoin = off; SET enable_mergejoin = off"
      "; SELECT set_config('synchronous_commit', 'on', false)"
      " WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')"));
  TRIBUTARY_ASSIGN(const auto found, layout_.prepare(connection_));
  if (!found.problem.empty()) {
    return std::unexpected(PostgresqlFailure{.state = {}, .message = found.problem});
  }
  warning_ = found.warning;
  TRIBUTARY_TRY(connection_.execute(layout_.batch_sql(found)));
  return {};
}

// Makes the next rows of a batch; none: all have been made.
std::string_view PostgresqlWriter::encode_part(Batch& batch) {
  const auto begin = rows_.size();
  while (batch.order.size() + batch.refused < batch.sorted.size() &&
         rows_.size() - begin < kPartSize) {
    const auto i = batch.sorted[batch.order.size() + batch.refused];
    if (auto problem = codec_.encode(batch.events[i], static_cast<std::int32_t>(i), rows_)) {
      batch.outcomes[i] = {.verdict = Verdict::rejected, .detail = std::move(*problem)};
      ++batch.refused;
    } else {
      batch.order.push_back(i);
      batch.ends.push_back(rows_.size());
    }
  }
  return std::string_view(rows_).substr(begin);
}

// Why it ended early; empty when all events have come to their end. A range that has a bad row is
// halved until that row is alone.
std::string PostgresqlWriter::write_all(Batch& batch) {
  std::vector<Range> ranges;
  if (!batch.sorted.empty()) ranges.push_back({.begin = 0, .end = batch.sorted.size()});
  rows_.clear();
  bool looked = false;
  while (!ranges.empty()) {
    auto range = ranges.back();
    ranges.pop_back();
    begin_step();
    const auto written = write_range(batch, range);
    if (written) continue;
    const auto& why = written.error();
    if (!is_of_the_row(why.state) || !connection_.usable()) {
      batch.unknown = connection_.usable() && !is_of_the_server(why.state);
      if (is_of_the_table(why.state)) connection_ = {};  // it is looked at again
      return target_.text("write events", why);
    }
    if (!std::exchange(looked, true)) {
      // Perhaps it is the table that has changed, and would refuse them all.
      begin_step();
      const auto found = layout_.inspect(connection_);
      if (!found || !found->problem.empty()) {
        connection_ = {};
        return target_.text(
            "write events",
            found ? PostgresqlFailure{.state = {}, .message = found->problem} : found.error());
      }
    }
    if (range.begin == range.end) return target_.text("write events", why);  // of no row
    if (range.end - range.begin == 1) {
      batch.outcomes[batch.order[range.begin]] = {.verdict = Verdict::rejected,
                                                  .detail = target_.text("store the event", why)};
      continue;
    }
    const auto middle = std::midpoint(range.begin, range.end);
    ranges.push_back({.begin = middle, .end = range.end});
    ranges.push_back({.begin = range.begin, .end = middle});
  }
  return {};
}

// One transaction. What it finds out holds when it is over: before that nothing is durable.
PostgresqlAnswer<void> PostgresqlWriter::write_range(Batch& batch, Range& range) {
  batch.judged.clear();
  auto done = [&]() -> PostgresqlAnswer<void> {
    TRIBUTARY_ASSIGN(const auto inserted, insert(batch, range));
    const auto size = range.end - range.begin;
    if (inserted < size) TRIBUTARY_TRY(judge_known(batch, size - inserted));
    begin_step();
    TRIBUTARY_TRY(connection_.execute("COMMIT"));
    return {};
  }();
  if (!done) {
    begin_step();
    connection_.roll_back();
    return done;
  }
  for (auto i = range.begin; i < range.end; ++i) {
    batch.outcomes[batch.order[i]].verdict = Verdict::stored;
  }
  for (auto& [event, outcome] : batch.judged) batch.outcomes[event] = std::move(outcome);
  return {};
}

// Opens a transaction. How many were not there before. The first time the rows are made here, and
// the range ends where they do.
PostgresqlAnswer<std::uint64_t> PostgresqlWriter::insert(Batch& batch, Range& range) {
  enum class Next { begin, rows, end, nothing };
  auto next = Next::begin;
  const bool made = !batch.ends.empty();
  auto inserted = connection_.copy(write_sql_, [&]() -> std::string_view {
    if (next == Next::begin) {
      next = Next::rows;
      return PostgresqlCodec::begin_of_rows();
    }
    if (next == Next::rows && !made) {
      if (const auto part = encode_part(batch); !part.empty()) return part;
      next = Next::end;
    }
    if (next == Next::rows) {
      next = Next::end;
      const auto from = range.begin == 0 ? 0 : batch.ends[range.begin - 1];
      return std::string_view(rows_).substr(from, batch.ends[range.end - 1] - from);
    }
    if (next == Next::nothing) return {};
    next = Next::nothing;
    return PostgresqlCodec::end_of_rows();
  });
  range.end = std::min(range.end, batch.order.size());
  if (!inserted) return std::unexpected(std::move(inserted).error());
  return inserted->changed();
}

// The table has so many of them.
PostgresqlAnswer<void> PostgresqlWriter::judge_known(Batch& batch, std::uint64_t known) {
  begin_step();
  TRIBUTARY_ASSIGN(const auto rows, connection_.query(layout_.known_sql(), {}));
  if (static_cast<std::uint64_t>(rows.size()) != known) {
    return std::unexpected(PostgresqlFailure{
        .state = {}, .message = "rows that were there are gone, or a trigger keeps them out"});
  }
  bool all_hashed = true;
  for (int row = 0; row < rows.size(); ++row) {
    const auto i = ordinal_of(rows, row);
    const auto& event = batch.events[i];
    const auto hash = rows.bytes(row, 1);
    all_hashed = all_hashed && !rows.is_null(row, 1);
    const bool same = std::ranges::equal(as_bytes(hash), event.hash);
    batch.judged.emplace_back(i, same ? Outcome{.verdict = Verdict::duplicate, .detail = {}}
                                      : conflict_with(event, codec_.schema(), rows.bytes(row, 2)));
  }
  return all_hashed ? PostgresqlAnswer<void>() : judge_unhashed(batch);
}

// Rows of other programs are compared by what they say.
PostgresqlAnswer<void> PostgresqlWriter::judge_unhashed(Batch& batch) {
  begin_step();
  TRIBUTARY_ASSIGN(const auto rows, connection_.query(layout_.unhashed_sql(), {}));
  for (int row = 0; row < rows.size(); ++row) {
    const auto i = ordinal_of(rows, row);
    std::string text;
    append_canonical(codec_.decode(rows, row, 1), text);
    if (text == batch.events[i].json) {
      batch.judged.emplace_back(i, Outcome{.verdict = Verdict::duplicate, .detail = {}});
    }
  }
  return {};
}

}  // namespace tributary::collector
