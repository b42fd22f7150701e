#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "shared/base/bytes.h"
#include "shared/base/result.h"
#include "shared/io/file_system.h"

namespace tributary::edge {

inline constexpr std::size_t kCsvRowSizeMax = 64U << 10;

struct CsvRow {
  std::uint64_t line = 0;  // where it begins, from 1
  std::vector<std::string> fields;
};

// Reads a CSV file row by row (RFC 4180: quoted fields with separators, doubled quotes and line
// breaks; CRLF or LF; a byte order mark is passed over, blank lines too). A quote inside of an
// unquoted field is an ordinary character. Holds one row and a few KiB of the file. One thread.
class CsvReader {
 public:
  CsvReader(std::unique_ptr<File> file, char separator);

  // The next row into `row`; false at the end of the file. errc::invalid_argument for a line that
  // can't be read as a row ("line 7: …"): the next call goes on with the line after it, so a quote
  // that is never closed costs one line. Other failures are the file system's and may pass.
  Result<bool> next(CsvRow& row);

 private:
  enum class State { field_start, plain, quoted, quote_in_quoted };

  Result<int> get();  // the next byte; -1 at the end
  Result<bool> read_row(CsvRow& row);
  Result<bool> skip_line_of_row(const CsvRow& row, std::string_view reason);
  void go_to(std::uint64_t offset);

  std::unique_ptr<File> file_;
  char separator_;
  Bytes buffer_;
  std::size_t buffered_ = 0;         // bytes of `buffer_` in use
  std::size_t at_ = 0;               // of the next byte in `buffer_`
  std::uint64_t buffer_offset_ = 0;  // of the buffer's first byte in the file
  std::uint64_t line_ = 1;
  std::uint64_t row_offset_ = 0;
};

}  // namespace tributary::edge
