#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "edge/source/csv_reader.h"
#include "edge/source/event_template.h"
#include "edge/source/sensor.h"
#include "edge/source/time_format.h"
#include "shared/io/file_system.h"

namespace tributary::edge {

struct CsvOptions {
  std::filesystem::path path;
  char separator = ',';
  std::string time_column;  // empty: the rows have no time, the events take that of their reading
  TimeFormat time_format;
  std::vector<std::string> time_field{
      "timestamp"};  // the event's member, from the outermost object
  // Member of the event → column. Empty: every column but the time's, by its own name.
  std::vector<std::pair<std::vector<std::string>, std::string>> fields;
  std::vector<std::pair<std::vector<std::string>, std::string>> set;  // member → its JSON text
  double pace = 0.0;  // how much faster than it was recorded; 0: as fast as the buffer takes it
};

// A recording: one event for each row of a CSV file with a header, from the first row at every
// start. A field becomes
//   - the number that it is, digit by digit as it stands there, when it is one as JSON writes them
//     (23.18, 426, -1e5; spaces around it are dropped; quotes around it don't matter);
//   - nothing, the member being left out, when it is empty or NaN;
//   - else a string: words, but also 007 (a code, not the number 7), +5, .5 and 1,5. A schema that
//     wants a number there refuses the event, visibly.
// A row that can't become an event (no such time, another number of fields than the header, not
// UTF-8) is a failed sample that names the line; the recording goes on behind it.
class CsvSensor final : public Sensor {
 public:
  // Reads the header. Failures name the file, and the columns that there are when one is missing.
  static Result<std::unique_ptr<CsvSensor>> open(FileSystem& files, CsvOptions options);

  Result<Reading> sample(Timestamp now) override;
  std::optional<std::chrono::nanoseconds> interval() const override;
  bool skips_late_samples() const override { return false; }

 private:
  struct Row {
    CsvRow csv;
    std::optional<Timestamp> time;
    std::optional<Error> error;  // why it is no event
  };

  CsvSensor(CsvOptions options, CsvReader reader);
  Result<void> read_header();
  Result<std::size_t> column(const std::string& name) const;
  void read_ahead();
  std::optional<Error> examine(Row& row) const;

  CsvOptions options_;
  CsvReader reader_;
  std::vector<std::string> columns_;
  std::optional<std::size_t> time_column_;
  EventTemplate template_;
  std::optional<Row> next_;  // nothing: the recording is over
  std::optional<Timestamp> last_time_;
  bool read_failed_ = false;  // the file system's failure, which may pass
};

}  // namespace tributary::edge
