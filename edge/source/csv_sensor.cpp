#include "edge/source/csv_sensor.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "edge/source/json_text.h"

namespace tributary::edge {
namespace {

constexpr std::chrono::seconds kReadRetry{1};
constexpr std::size_t kTimeSlot = std::numeric_limits<std::size_t>::max();

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_nan(std::string_view text) {
  const auto same = [](char a, char b) { return (a | 0x20) == b; };
  return std::ranges::equal(text, std::string_view("nan"), same);
}

void append_value(std::string& to, std::string_view field) {
  const auto text = trim(field);
  if (text.empty() || is_nan(text)) return;
  if (is_json_number(text)) {
    to += text;
  } else {
    append_json_string(to, field);
  }
}

}  // namespace

Result<std::unique_ptr<CsvSensor>> CsvSensor::open(FileSystem& files, CsvOptions options) {
  const auto path = options.path.string();
  TRIBUTARY_ASSIGN(auto file, files.open(options.path, OpenMode::read));
  CsvReader reader(std::move(file), options.separator);
  std::unique_ptr<CsvSensor> sensor(new CsvSensor(std::move(options), std::move(reader)));
  if (auto header = sensor->read_header(); !header) {
    return std::unexpected(header.error().within(path));
  }
  sensor->read_ahead();
  return sensor;
}

CsvSensor::CsvSensor(CsvOptions options, CsvReader reader)
    : options_(std::move(options)), reader_(std::move(reader)) {}

Result<void> CsvSensor::read_header() {
  CsvRow header;
  TRIBUTARY_ASSIGN(const bool found, reader_.next(header));
  if (!found)
    return fail(errc::invalid_argument, "the file is empty: it needs a line of column names");
  for (const auto& name : header.fields) columns_.emplace_back(trim(name));

  for (const auto& [path, json] : options_.set) TRIBUTARY_TRY(template_.add_constant(path, json));
  TRIBUTARY_TRY(template_.add_slot(options_.time_field, kTimeSlot));
  if (!options_.time_column.empty()) {
    TRIBUTARY_ASSIGN(time_column_, column(options_.time_column));
  }
  for (const auto& [path, name] : options_.fields) {
    TRIBUTARY_ASSIGN(const auto slot, column(name));
    TRIBUTARY_TRY(template_.add_slot(path, slot));
  }
  for (std::size_t slot = 0; options_.fields.empty() && slot < columns_.size(); ++slot) {
    if (slot != time_column_) TRIBUTARY_TRY(template_.add_slot({columns_[slot]}, slot));
  }
  return {};
}

Result<std::size_t> CsvSensor::column(const std::string& name) const {
  const auto found = std::ranges::find(columns_, name);
  if (found != columns_.end()) return static_cast<std::size_t>(found - columns_.begin());
  std::string there;
  for (const auto& other : columns_) there += (there.empty() ? "" : ", ") + other;
  return fail(errc::invalid_argument,
              "there is no column \"" + name + "\"; the columns are " + there);
}

Result<Reading> CsvSensor::sample(Timestamp now) {
  if (read_failed_) {
    read_ahead();
    if (read_failed_) return std::unexpected(next_->error->within(options_.path.string()));
  }
  if (!next_) return fail(errc::not_found, options_.path.string() + ": the recording is over");
  const auto row = std::move(*next_);
  if (row.time) last_time_ = row.time;
  read_ahead();
  if (row.error) return std::unexpected(row.error->within(options_.path.string()));

  return Reading{template_.render([&](std::size_t slot, std::string& to) {
    if (slot != kTimeSlot) return append_value(to, row.csv.fields[slot]);
    to += '"';
    row.time.value_or(now).append_text(to);
    to += '"';
  })};
}

void CsvSensor::read_ahead() {
  Row row;
  const auto found = reader_.next(row.csv);
  read_failed_ = !found && found.error() != errc::invalid_argument;
  if (!found) {
    row.error = found.error();
  } else if (!*found) {
    next_.reset();
    return;
  } else {
    row.error = examine(row);
  }
  next_ = std::move(row);
}

std::optional<Error> CsvSensor::examine(Row& row) const {
  const auto refuse = [&](const std::string& reason) {
    return Error(errc::invalid_argument, "line " + std::to_string(row.csv.line) + ": " + reason);
  };
  const auto& fields = row.csv.fields;
  if (fields.size() != columns_.size()) {
    return refuse(std::to_string(fields.size()) + " fields where the header has " +
                  std::to_string(columns_.size()));
  }
  if (!std::ranges::all_of(fields, is_utf8)) return refuse("it is not UTF-8");
  if (time_column_) {
    const auto time = options_.time_format.read(trim(fields[*time_column_]));
    if (!time) return refuse(time.error().message());
    row.time = *time;
  }
  return std::nullopt;
}

std::optional<std::chrono::nanoseconds> CsvSensor::interval() const {
  using std::chrono::nanoseconds;
  if (!next_) return std::nullopt;
  if (read_failed_) return kReadRetry;
  if (options_.pace <= 0 || !next_->time || !last_time_) return nanoseconds(0);
  const auto seconds = static_cast<double>(next_->time->seconds - last_time_->seconds) +
                       1e-9 * (next_->time->nanoseconds - last_time_->nanoseconds);
  return nanoseconds(std::llround(1e9 * std::clamp(seconds / options_.pace, 0.0, 1e9)));
}

}  // namespace tributary::edge
