#include "edge/source/csv_reader.h"

#include <string_view>
#include <utility>

namespace tributary::edge {
namespace {

constexpr std::size_t kBufferSize = 16U << 10;
constexpr int kEnd = -1;

}  // namespace

CsvReader::CsvReader(std::unique_ptr<File> file, char separator)
    : file_(std::move(file)), separator_(separator), buffer_(kBufferSize) {}

Result<bool> CsvReader::next(CsvRow& row) {
  const auto offset_before = buffer_offset_ + at_;
  const auto line_before = line_;
  while (true) {
    auto found = read_row(row);
    if (!found && found.error() != errc::invalid_argument) {
      go_to(offset_before);
      line_ = line_before;
      return found;
    }
    const bool blank = found && *found && row.fields.size() == 1 && row.fields[0].empty();
    if (!blank) return found;
  }
}

Result<bool> CsvReader::read_row(CsvRow& row) {
  row.fields.clear();
  row_offset_ = buffer_offset_ + at_;
  row.line = line_;
  std::string field;
  std::size_t size = 0;
  auto state = State::field_start;
  while (true) {
    TRIBUTARY_ASSIGN(const int byte, get());
    if (byte == kEnd) {
      if (state == State::quoted) return skip_line_of_row(row, "a quote that is never closed");
      if (row.fields.empty() && state == State::field_start) return false;
      if (field.ends_with('\r') && state == State::plain) field.pop_back();
      row.fields.push_back(std::move(field));
      return true;
    }
    if (++size > kCsvRowSizeMax) {
      return skip_line_of_row(row, "a row of more than 64 KiB, or a quote that is never closed");
    }
    const char c = static_cast<char>(byte);
    if (c == '\n') ++line_;
    if (state == State::quoted) {
      if (c == '"') {
        state = State::quote_in_quoted;
      } else {
        field += c;
      }
    } else if (c == '"' && state == State::field_start) {
      state = State::quoted;
    } else if (c == '"' && state == State::quote_in_quoted) {
      field += c;
      state = State::quoted;
    } else if (c == separator_ || c == '\n') {
      if (c == '\n' && field.ends_with('\r') && state != State::quote_in_quoted) field.pop_back();
      row.fields.push_back(std::move(field));
      field.clear();
      state = State::field_start;
      if (c == '\n') return true;
    } else if (state == State::quote_in_quoted) {
      if (c != '\r') return skip_line_of_row(row, "text after a closing quote");
    } else {
      field += c;
      state = State::plain;
    }
  }
}

Result<bool> CsvReader::skip_line_of_row(const CsvRow& row, std::string_view reason) {
  go_to(row_offset_);
  while (true) {
    TRIBUTARY_ASSIGN(const int byte, get());
    if (byte == kEnd || byte == '\n') break;
  }
  line_ = row.line + 1;
  return fail(errc::invalid_argument,
              "line " + std::to_string(row.line) + ": " + std::string(reason));
}

Result<int> CsvReader::get() {
  if (at_ == buffered_) {
    const auto offset = buffer_offset_ + at_;
    TRIBUTARY_ASSIGN(const auto count, file_->read(offset, buffer_));
    buffer_offset_ = offset;
    buffered_ = count;
    at_ = 0;
    if (count == 0) return kEnd;
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (offset == 0 && as_text({buffer_.data(), count}).starts_with(kByteOrderMark)) {
      at_ = kByteOrderMark.size();
      if (at_ == count) return kEnd;
    }
  }
  return std::to_integer<int>(buffer_[at_++]);
}

void CsvReader::go_to(std::uint64_t offset) {
  buffer_offset_ = offset;
  buffered_ = 0;
  at_ = 0;
}

}  // namespace tributary::edge
