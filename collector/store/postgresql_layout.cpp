#include "collector/store/postgresql_layout.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "shared/observe/logging.h"

namespace tributary::collector {
namespace {

using Kind = PostgresqlColumn::Kind;
using nlohmann::json;

constexpr std::size_t kNameSizeMax = 63;
constexpr std::size_t kColumnsMax = 1'000;  // PostgreSQL's limit is 1,600, less for wide ones
constexpr std::array<std::string_view, 6> kSystemColumns{"tableoid", "xmin", "cmin",
                                                         "xmax",     "cmax", "ctid"};
constexpr std::string_view kBatch = R"(pg_temp."tributary_batch")";
constexpr std::string_view kExtra = "_tributary_extra";
constexpr std::string_view kHash = "_tributary_hash";
constexpr std::string_view kMeta = "_tributary";

struct OwnColumn {
  std::string_view name;
  std::string_view type;
};
constexpr std::array<OwnColumn, 3> kOwnColumns{{{.name = kExtra, .type = "jsonb"},
                                                {.name = kHash, .type = "bytea"},
                                                {.name = kMeta, .type = "jsonb"}}};

bool is_column_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameSizeMax &&
         name.find('\0') == std::string_view::npos &&
         std::ranges::find(kSystemColumns, name) == kSystemColumns.end();
}

Kind kind_of(SchemaField::Type type, bool exact) {
  switch (type) {
    case SchemaField::Type::string:
      return Kind::text;
    case SchemaField::Type::integer:
      return Kind::integer;
    case SchemaField::Type::number:
      return exact ? Kind::exact_number : Kind::number;
    case SchemaField::Type::boolean:
      return Kind::boolean;
    case SchemaField::Type::time:
      return exact ? Kind::exact_time : Kind::time;
    case SchemaField::Type::uuid:
      return Kind::uuid;
    case SchemaField::Type::nested:
      break;
  }
  return Kind::nested;
}

bool is_text(Kind kind) { return kind == Kind::text || kind == Kind::exact_time; }

// Whether a column of the table, of this type, can hold what one of ours holds.
bool holds(std::string_view type, bool limited, Kind kind) {
  switch (kind) {
    case Kind::text:
    case Kind::exact_time:
      return type == "text" || type == "character varying";
    case Kind::integer:
      return type == "bigint" || type == "integer" || type == "smallint";
    case Kind::number:
      return type == "double precision";  // the server would round, and say nothing
    case Kind::exact_number:
      return type == "numeric" && !limited;
    case Kind::boolean:
      return type == "boolean";
    case Kind::uuid:
      return type == "uuid";
    case Kind::time:
      return type == "timestamp with time zone" && !limited;
    case Kind::nested:
      return type == "jsonb" || type == "json";
  }
  return false;
}

std::string list_of(const std::vector<std::string>& parts) {
  std::string list;
  for (const auto& part : parts) list += (list.empty() ? "" : ", ") + part;
  return list;
}

// One row with one JSON text, or none without a table. All attributes of the table's columns and
// indexes that inspect() looks at.
constexpr std::string_view kInspect = R"(
SELECT json_build_object(
  'kind', c.relkind,
  'columns', (
    SELECT json_agg(json_build_object(
      'name', a.attname, 'type', format_type(a.atttypid, NULL), 'limited', a.atttypmod <> -1,
      'nullable', NOT a.attnotnull,
      'demanded', a.attnotnull AND NOT a.atthasdef AND a.attidentity = '',
      'generated', a.attgenerated <> '' OR a.attidentity = 'a',
      'collation', quote_ident(n.nspname) || '.' || quote_ident(l.collname),
      'deterministic', coalesce(l.collisdeterministic, true)))
    FROM pg_attribute a LEFT JOIN pg_collation l ON l.oid = a.attcollation
      LEFT JOIN pg_namespace n ON n.oid = l.collnamespace
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  'indexes', (
    SELECT json_agg(json_build_object(
      'unique', i.indisunique AND i.indimmediate,
      'fields', (
        SELECT json_agg(coalesce(a.attname, '') ORDER BY k)
        FROM generate_series(0, i.indnkeyatts - 1) k
          LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[k]),
      'ordered', m.amname = 'btree' AND (
        SELECT bool_and(i.indoption[k] = 0 AND coalesce(l.collname IN ('C', 'POSIX'), true))
        FROM generate_series(0, i.indnkeyatts - 1) k
          LEFT JOIN pg_collation l ON l.oid = i.indcollation[k])))
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
    WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL))::text
FROM pg_class c WHERE c.oid = to_regclass($1))";

}  // namespace

std::string_view type_of(Kind kind) {
  switch (kind) {
    case Kind::text:
    case Kind::exact_time:
      return "text";
    case Kind::integer:
      return "bigint";
    case Kind::number:
      return "double precision";
    case Kind::exact_number:
      return "numeric";
    case Kind::boolean:
      return "boolean";
    case Kind::uuid:
      return "uuid";
    case Kind::time:
      return "timestamptz";
    case Kind::nested:
      break;
  }
  return "jsonb";
}

Result<PostgresqlLayout> PostgresqlLayout::of(const Schema& schema, const std::string& table) {
  PostgresqlLayout layout;
  layout.table_name_ = table;
  layout.quoted_table_ = quoted_name(table);
  layout.time_ = schema.time();
  layout.time_ns_ = schema.time() + "_ns";
  layout.key_ = schema.key();
  const auto is_indexed = [&](const std::string& name) {
    return name == schema.time() || name == schema.series() ||
           std::ranges::find(schema.key(), name) != schema.key().end();
  };
  for (const auto& field : schema.fields()) {
    const bool indexed = is_indexed(field.name);
    if (is_column_name(field.name) && (indexed || layout.columns_.size() < kColumnsMax)) {
      layout.columns_.push_back(
          {.name = field.name,
           .kind = kind_of(field.type, indexed && field.name != schema.time()),
           .indexed = indexed});
    } else if (indexed) {
      return fail(errc::invalid_argument,
                  "schema " + schema.name() + ": PostgreSQL can have no column named \"" +
                      field.name + "\": use another store, or another name");
    }
  }
  if (!is_column_name(layout.time_ns_)) {
    return fail(errc::invalid_argument, "schema " + schema.name() + ": \"" + layout.time_ns_ +
                                            "\" is too long for a column of PostgreSQL");
  }
  std::ranges::sort(layout.columns_, {}, &PostgresqlColumn::name);

  const std::vector<std::string> time{layout.time_, layout.time_ns_};
  PostgresqlIndex key{.name = table + "_tributary_key", .fields = {}, .unique = true};
  layout.order_ = time;
  for (const auto& field : schema.key()) {
    if (field == schema.time()) {
      key.fields.insert(key.fields.end(), time.begin(), time.end());
    } else {
      key.fields.push_back(field);
      layout.order_.push_back(field);
    }
  }
  std::vector indexes{std::move(key),
                      PostgresqlIndex{.name = table + "_tributary_time", .fields = layout.order_}};
  if (const auto& series = schema.series(); !series.empty() && series != schema.time()) {
    PostgresqlIndex index{.name = table + "_tributary_series", .fields = {series}};
    std::ranges::copy_if(layout.order_, std::back_inserter(index.fields),
                         [&](const auto& field) { return field != series; });
    indexes.push_back(std::move(index));
  }
  for (auto& index : indexes) {
    const auto& made = layout.indexes_;
    if (std::ranges::find(made, index.fields, &PostgresqlIndex::fields) == made.end()) {
      layout.indexes_.push_back(std::move(index));
    }
  }
  return layout;
}

const PostgresqlColumn* PostgresqlLayout::column(std::string_view name) const {
  const auto found = std::ranges::lower_bound(columns_, name, {}, &PostgresqlColumn::name);
  return found == columns_.end() || found->name != name ? nullptr : &*found;
}

std::string PostgresqlLayout::comparable(std::string_view field, std::string_view of_table) const {
  const auto* const of = column(field);
  return std::string(of_table) + quoted_name(field) +
         (of != nullptr && is_text(of->kind) ? R"( COLLATE "C")" : "");
}

// The key first, the time, then the rest by name.
std::vector<const PostgresqlColumn*> PostgresqlLayout::in_table_order() const {
  std::vector<const PostgresqlColumn*> ordered;
  const auto add = [&ordered](const PostgresqlColumn* of) {
    if (std::ranges::find(ordered, of) == ordered.end()) ordered.push_back(of);
  };
  for (const auto& field : key_) add(column(field));
  add(column(time_));
  for (const auto& of : columns_) add(&of);
  return ordered;
}

std::string PostgresqlLayout::definition(const PostgresqlColumn& column) const {
  auto text = quoted_name(column.name) + " " + std::string(type_of(column.kind));
  if (is_text(column.kind)) text += R"( COLLATE "C")";
  if (column.indexed) text += " NOT NULL";
  if (column.name == time_) text += ",\n  " + quoted_name(time_ns_) + " integer NOT NULL DEFAULT 0";
  return text;
}

std::string PostgresqlLayout::fields_sql(const PostgresqlIndex& index) const {
  std::vector<std::string> fields;
  fields.reserve(index.fields.size());
  for (const auto& field : index.fields) fields.push_back(comparable(field));
  return list_of(fields);
}

std::string PostgresqlLayout::index_sql(const PostgresqlIndex& index) const {
  return std::string(index.unique ? "CREATE UNIQUE INDEX" : "CREATE INDEX") + " IF NOT EXISTS " +
         quoted_name(index.name) + "\n  ON " + quoted_table_ + " (" + fields_sql(index) + ");\n";
}

std::string PostgresqlLayout::sql() const {
  auto text = "CREATE TABLE IF NOT EXISTS " + quoted_table_ + " (\n";
  for (const auto* const of : in_table_order()) text += "  " + definition(*of) + ",\n";
  for (const auto& own : kOwnColumns) {
    text += "  " + quoted_name(own.name) + " " + std::string(own.type) +
            (own.name == kMeta ? "\n" : ",\n");
  }
  text += ");\n";
  for (const auto& index : indexes_) text += index_sql(index);
  return text;
}

std::string PostgresqlLayout::batch_sql(const Found& found) const {
  std::string text = "CREATE TEMPORARY TABLE \"tributary_batch\" (\"_tributary_ordinal\" integer";
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const auto& [name, kind, indexed] = columns_[i];
    // A number goes as text: its binary form is the server's own.
    text += ", " + quoted_name(name) + " " +
            std::string(type_of(kind == Kind::exact_number ? Kind::text : kind));
    if (!found.collations[i].empty()) text += " COLLATE " + found.collations[i];
  }
  text += ", " + quoted_name(time_ns_) + " integer";
  for (const auto& own : kOwnColumns) {
    text += ", " + quoted_name(own.name) + " " + std::string(own.type);
  }
  return text + ") ON COMMIT DELETE ROWS";
}

std::string PostgresqlLayout::copy_sql() const {
  return "COPY " + std::string(kBatch) + " FROM STDIN (FORMAT binary)";
}

std::string PostgresqlLayout::insert_sql() const {
  std::vector<std::string> names;
  std::vector<std::string> values;
  for (const auto& [name, kind, indexed] : columns_) {
    names.push_back(quoted_name(name));
    values.push_back(quoted_name(name) + (kind == Kind::exact_number ? "::numeric" : ""));
  }
  for (const auto& own : {std::string_view(time_ns_), kExtra, kHash, kMeta}) {
    names.push_back(quoted_name(own));
    values.push_back(quoted_name(own));
  }
  std::vector<std::string> key;
  for (const auto& field : indexes_.front().fields) key.push_back(quoted_name(field));
  return "INSERT INTO " + quoted_table_ + " (" + list_of(names) + ") SELECT " + list_of(values) +
         " FROM " + std::string(kBatch) + " ON CONFLICT (" + list_of(key) + ") DO NOTHING";
}

std::string PostgresqlLayout::key_join() const {
  std::string text = " FROM " + std::string(kBatch) + " b JOIN " + quoted_table_ + " t ON ";
  for (const auto& field : indexes_.front().fields) {
    const auto* const of = column(field);
    const bool exact = of != nullptr && of->kind == Kind::exact_number;
    const auto name = quoted_name(field);
    text += field == indexes_.front().fields.front() ? "t." : " AND t.";
    text.append(name).append(" = b.").append(name).append(exact ? "::numeric" : "");
  }
  return text;
}

std::string PostgresqlLayout::known_sql() const {
  return "SELECT b._tributary_ordinal, t._tributary_hash, t._tributary::jsonb ->> 'received_at'" +
         key_join() + " WHERE t.xmin IS DISTINCT FROM pg_current_xact_id_if_assigned()::xid";
}

std::string PostgresqlLayout::unhashed_sql() const {
  return "SELECT b._tributary_ordinal, " + select_list("t.") + key_join() +
         " WHERE t._tributary_hash IS NULL";
}

std::string PostgresqlLayout::select_list(std::string_view of_table) const {
  std::vector<std::string> parts;
  const auto add = [&](std::string_view name, std::string_view type) {
    parts.push_back(std::string(of_table) + quoted_name(name) + "::" + std::string(type));
  };
  for (const auto& [name, kind, indexed] : columns_) {
    add(name, kind == Kind::exact_number ? "text" : type_of(kind));
  }
  add(time_ns_, "integer");
  for (const auto& own : kOwnColumns) add(own.name, own.type);
  return list_of(parts);
}

PostgresqlAnswer<PostgresqlLayout::Found> PostgresqlLayout::inspect(
    PostgresqlConnection& connection) const {
  const std::array parameters{quoted_table_};
  TRIBUTARY_ASSIGN(const auto rows, connection.query(std::string(kInspect), parameters));
  Found found;
  found.collations.resize(columns_.size());
  if (rows.size() == 0) return found;
  found.table = true;
  const auto table = json::parse(rows.bytes(0, 0));
  const auto refuse = [&](const std::string& why) {
    found.problem = "the table " + quoted_table_ + " " + why;
    return found;
  };
  if (const auto kind = table.at("kind").get<std::string>(); kind != "r" && kind != "p") {
    return refuse("is none (a view, say): name another one");
  }

  const auto columns = table.value("columns", json::array());
  const auto find = [&columns](std::string_view name) -> const json* {
    const auto at =
        std::ranges::find_if(columns, [&](const json& of) { return of["name"] == name; });
    return at == columns.end() ? nullptr : &*at;
  };
  std::vector<std::string> missing;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const auto& column = columns_[i];
    const auto* const there = find(column.name);
    if (there == nullptr) {
      auto text = definition(column);
      missing.push_back("ADD COLUMN " + text.substr(0, text.find(",\n")));
      continue;
    }
    const auto type = there->at("type").get<std::string>();
    if (!holds(type, there->at("limited").get<bool>(), column.kind)) {
      return refuse("has the column " + quoted_name(column.name) + " as " + type +
                    (there->at("limited") == true ? " with a limit" : "") + ", which can't be " +
                    std::string(type_of(column.kind)) + ": change it, or name another table");
    }
    if (there->at("deterministic") == false) {
      return refuse("has a collation in the column " + quoted_name(column.name) +
                    " by which different texts are equal: change it, or name another table");
    }
    const bool ordered = std::ranges::find(order_, column.name) != order_.end();
    if (ordered && there->at("nullable") == true) {
      return refuse("allows NULL in the column " + quoted_name(column.name) + ": run ALTER TABLE " +
                    quoted_table_ + " ALTER COLUMN " + quoted_name(column.name) + " SET NOT NULL");
    }
    if (is_text(column.kind)) found.collations[i] = there->at("collation").get<std::string>();
    // It goes as text.
    if (column.kind == Kind::exact_number) found.collations[i] = R"("C")";
  }
  if (find(time_ns_) == nullptr) {
    missing.push_back("ADD COLUMN " + quoted_name(time_ns_) + " integer NOT NULL DEFAULT 0");
  }
  for (const auto& own : kOwnColumns) {
    if (find(own.name) != nullptr) continue;
    missing.push_back("ADD COLUMN " + quoted_name(own.name) + " " + std::string(own.type));
  }
  if (!missing.empty()) {
    return refuse("lacks columns: run ALTER TABLE " + quoted_table_ + " " + list_of(missing));
  }
  for (const auto& there : columns) {
    const auto name = there.at("name").get<std::string>();
    const bool ours = column(name) != nullptr || name == time_ns_ ||
                      std::ranges::find(kOwnColumns, name, &OwnColumn::name) != kOwnColumns.end();
    if (!ours && there.at("demanded") == true) {
      return refuse("demands a value in the column " + quoted_name(name) +
                    ", which no event has: give it a default, or allow NULL");
    }
    if (ours && there.at("generated") == true) {
      return refuse("makes the values of the column " + quoted_name(name) +
                    " by itself: it must take those of the events");
    }
  }

  const auto indexes = table.at("indexes").is_null() ? json::array() : table.at("indexes");
  for (const auto& index : indexes_) {
    const bool there = std::ranges::any_of(indexes, [&](const json& of) {
      auto fields = of.at("fields").get<std::vector<std::string>>();
      if (!index.unique) return of.at("ordered") == true && fields == index.fields;
      auto wanted = index.fields;
      std::ranges::sort(fields);
      std::ranges::sort(wanted);
      return of.at("unique") == true && fields == wanted;
    });
    if (there) continue;
    // Without a name: another table may have ours, say one that was this one before.
    found.missing.push_back("CREATE " + std::string(index.unique ? "UNIQUE " : "") + "INDEX ON " +
                            quoted_table_ + " (" + fields_sql(index) + ")");
    if (index.unique) {
      return refuse("has no unique index on the key, so that events could be stored twice: run " +
                    found.missing.back());
    }
  }
  for (const auto& command : found.missing) {
    found.warning +=
        (found.warning.empty() ? "questions are slow without an index: run " : "; ") + command;
  }
  return found;
}

PostgresqlAnswer<PostgresqlLayout::Found> PostgresqlLayout::prepare(
    PostgresqlConnection& connection) const {
  TRIBUTARY_ASSIGN(auto found, inspect(connection));
  if (found.table) return found;
  // Of several collectors one makes it, the others wait and find it.
  const auto made = connection.execute(
      "BEGIN; SELECT pg_advisory_xact_lock(hashtext('tributary')); " + sql() + "COMMIT");
  if (!made) {
    connection.roll_back();
    return std::unexpected(made.error());
  }
  log_info("store", "made the table and its indexes", {{"table", table_name_}});
  TRIBUTARY_ASSIGN(found, inspect(connection));
  // Their names may be taken: by a table that was this one before it got another name.
  for (std::size_t tries = 0; tries < indexes_.size() && !found.missing.empty(); ++tries) {
    for (const auto& command : found.missing) TRIBUTARY_TRY(connection.execute(command));
    TRIBUTARY_ASSIGN(found, inspect(connection));
  }
  return found;
}

}  // namespace tributary::collector
