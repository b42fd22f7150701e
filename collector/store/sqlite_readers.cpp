#include "collector/store/sqlite_readers.h"

#include <sqlite3.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "collector/store/canonical_member.h"
#include "collector/store/filter.h"
#include "collector/store/page_builder.h"
#include "collector/store/place_range.h"
#include "shared/base/bytes.h"
#include "shared/event/json.h"

namespace tributary::collector {
namespace {

using nlohmann::json;
using Deadline = std::chrono::steady_clock::time_point;

constexpr std::size_t kConnectionsMax = 4;
constexpr std::size_t kRowsOfSnapshotMax = 20'000;

int column(SqliteParameter parameter) { return static_cast<int>(parameter) - 1; }

std::string canonical(const json& value) {
  std::string text;
  append_canonical(value, text);
  return text;
}

Keyset place_of(const SqliteStatement& row) {
  using enum SqliteParameter;
  const auto nanoseconds = row.column_integer(column(time_nanoseconds));
  return {.time = {.seconds = row.column_integer(column(time_seconds)),
                   .nanoseconds = static_cast<std::int32_t>(nanoseconds)},
          .key = std::string(row.column_blob(column(key)))};
}

std::string hexadecimal(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 0xfU];
  }
  return text;
}

json meta_of(const SqliteStatement& row) {
  using enum SqliteParameter;
  json meta{{"hash", hexadecimal(row.column_blob(column(hash)))}};
  const auto add_text = [&](const char* name, SqliteParameter from) {
    if (!row.column_is_null(column(from))) meta[name] = row.column_text(column(from));
  };
  add_text("received_at", received_at);
  add_text("source", source);
  add_text("schema", schema);
  add_text("edge", edge);
  if (!row.column_is_null(column(log))) meta["log"] = hexadecimal(row.column_blob(column(log)));
  if (!row.column_is_null(column(sequence))) {
    meta["sequence"] = row.column_integer(column(sequence));
  }
  add_text("replayed", replayed);
  return meta;
}

// Ends the statement's snapshot, whatever became of the query.
struct Snapshot {
  SqliteStatement* select;

  explicit Snapshot(SqliteStatement* statement) : select(statement) {}
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  ~Snapshot() { select->reset(); }
};

std::string event_of(const SqliteStatement& row, bool meta) {
  std::string event(row.column_text(column(SqliteParameter::event)));
  return meta ? with_meta(std::move(event), meta_of(row)) : event;
}

}  // namespace

// What a query means for SQLite.
struct SqliteReaders::Plan {
  struct Condition {
    std::string name;                // canonical text of the member's name
    std::vector<std::string> texts;  // canonical text of the values that match
  };

  PlaceRange range;
  std::optional<std::size_t> field;  // whose index is used
  json field_value;
  std::vector<Condition> conditions;

  void bind(SqliteStatement& select) const {
    const auto bind_place = [&select](int parameter, const Keyset& place) {
      select.bind_integer(parameter, place.time.seconds);
      select.bind_integer(parameter + 1, place.time.nanoseconds);
      select.bind_blob(parameter + 2, place.key);
    };
    bind_place(1, range.lower);
    bind_place(4, range.upper);
    if (field) bind_field(select, 7, &field_value);
  }
  [[nodiscard]] bool matches(std::string_view event) const {
    return std::ranges::all_of(conditions, [event](const Condition& condition) {
      const auto text = canonical_member(event, condition.name);
      return text && std::ranges::find(condition.texts, *text) != condition.texts.end();
    });
  }
};

class SqliteReaders::Reader {
 public:
  explicit Reader(SqliteConnection connection) : connection_(std::move(connection)) {}

  [[nodiscard]] const SqliteConnection& connection() const { return connection_; }

  Result<SqliteStatement*> select(const SqliteLayout& layout, std::optional<std::size_t> field,
                                  bool descending) {
    const auto found = statements_.find({field, descending});
    if (found != statements_.end()) return &found->second;
    TRIBUTARY_ASSIGN(auto statement, connection_.prepare(layout.select_sql(field, descending)));
    const auto [place, is_new] =
        statements_.emplace(Select{field, descending}, std::move(statement));
    return &place->second;
  }

 private:
  using Select = std::pair<std::optional<std::size_t>, bool>;

  SqliteConnection connection_;
  std::map<Select, SqliteStatement> statements_;
};

SqliteReaders::SqliteReaders(std::filesystem::path file, const SqliteLayout& layout,
                             const Schema& schema, Limits limits)
    : file_(std::move(file)), layout_(layout), schema_(schema), limits_(limits) {}

SqliteReaders::~SqliteReaders() = default;

Result<Page> SqliteReaders::query(const Query& query) {
  TRIBUTARY_ASSIGN(auto planned, plan(query));
  TRIBUTARY_ASSIGN(auto reader, acquire());
  auto page = read_page(*reader, query, std::move(planned));
  // What failed is not used again.
  if (!page && page.error() != errc::timed_out) reader.reset();
  give_back(std::move(reader));
  return page;
}

void SqliteReaders::use(std::optional<FileIdentity> file) {
  const MutexLock lock(mutex_);
  idle_.clear();
  identity_ = file;
}

void SqliteReaders::close_idle() {
  const MutexLock lock(mutex_);
  idle_.clear();
}

Result<void> SqliteReaders::still_there() const {
  const auto found = FileIdentity::of(file_);
  const MutexLock lock(mutex_);
  if (found && found == identity_) return {};
  return fail(errc::unavailable, file_.string() + " was moved, deleted or replaced while in use");
}

Result<std::unique_ptr<SqliteReaders::Reader>> SqliteReaders::acquire() {
  TRIBUTARY_TRY(still_there());
  std::unique_ptr<Reader> reader;
  {
    MutexLock lock(mutex_);
    const bool free = given_back_.wait_for(
        lock, limits_.connection_wait,
        [this]() TRIBUTARY_REQUIRES(mutex_) { return in_use_ < kConnectionsMax; });
    if (!free) {
      return fail(errc::unavailable, "all " + std::to_string(kConnectionsMax) + " connections of " +
                                         file_.string() +
                                         " are busy with other queries: try again later");
    }
    ++in_use_;
    if (!idle_.empty()) {
      reader = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (reader && reader->connection().still_there()) return reader;

  reader.reset();
  auto connection =
      SqliteConnection::open(file_, SqliteConnection::Mode::read, limits_.busy_timeout_ms);
  if (connection) {
    if (auto set = connection->execute("PRAGMA query_only = ON"); !set) {
      connection = std::unexpected(std::move(set).error());
    }
  }
  if (!connection) {
    give_back(nullptr);
    return std::unexpected(Error(errc::unavailable, connection.error().message()));
  }
  return std::make_unique<Reader>(std::move(*connection));
}

void SqliteReaders::give_back(std::unique_ptr<Reader> reader) {
  const MutexLock lock(mutex_);
  --in_use_;
  if (reader) idle_.push_back(std::move(reader));
  given_back_.notify_one();
}

Result<SqliteReaders::Plan> SqliteReaders::plan(const Query& query) const {
  Plan plan{
      .range = PlaceRange::of(query, schema_), .field = {}, .field_value = {}, .conditions = {}};
  for (const auto& filter : query.filters) {
    TRIBUTARY_ASSIGN(auto values, filter_values(filter, schema_));
    Plan::Condition condition{.name = canonical(filter.field), .texts = {}};
    for (const auto& value : values) condition.texts.push_back(canonical(value));
    plan.conditions.push_back(std::move(condition));

    const auto field = std::ranges::find(layout_.fields(), filter.field, &SqliteField::name);
    if (field != layout_.fields().end() && !plan.field && values.size() == 1) {
      plan.field = static_cast<std::size_t>(field - layout_.fields().begin());
      plan.field_value = std::move(values.front());
    }
  }
  return plan;
}

Result<Page> SqliteReaders::read_page(Reader& reader, const Query& query, Plan plan) const {
  const Deadline deadline = std::chrono::steady_clock::now() + limits_.query_time;
  TRIBUTARY_ASSIGN(auto* const select, reader.select(layout_, plan.field, query.descending));
  const Snapshot snapshot{select};
  PageBuilder builder(query);
  for (;;) {
    plan.bind(*select);
    for (std::size_t rows = 0; rows < kRowsOfSnapshotMax; ++rows) {
      const int code = select->step();
      if (code == SQLITE_DONE) return std::move(builder).last();
      if (code != SQLITE_ROW) {
        return fail(errc::unavailable, reader.connection().error(code, "read events").message());
      }
      if (!plan.matches(select->column_text(column(SqliteParameter::event)))) continue;
      if (builder.full()) return std::move(builder).with_next();
      builder.add(event_of(*select, query.meta), place_of(*select));
    }
    // On from here in a new snapshot.
    (query.descending ? plan.range.upper : plan.range.lower) = place_of(*select);
    select->reset();
    if (std::chrono::steady_clock::now() > deadline) {
      return fail(errc::timed_out, "the query took longer than " +
                                       std::to_string(limits_.query_time.count()) +
                                       " ms: narrow it with start and end, or by its series");
    }
  }
}

}  // namespace tributary::collector
