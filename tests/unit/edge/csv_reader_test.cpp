#include "edge/source/csv_reader.h"

#include <catch2/catch.hpp>

#include "tests/support/memory_file_system.h"
#include "tests/unit/edge/fakes.h"

using namespace tributary;
using namespace tributary::edge;
using tributary::edge::test::must;

namespace {

using Rows = std::vector<std::vector<std::string>>;

struct Contents {
  Rows rows;
  std::vector<std::uint64_t> lines;
  std::vector<std::string> errors;
};

Contents read(std::string_view text, char separator = ',') {
  tributary::test::MemoryFileSystem files;
  must(files.make_directories("/data"));
  must(files.open("/data/a.csv", OpenMode::create));
  const auto bytes = as_bytes(text);
  files.put("/data/a.csv", Bytes(bytes.begin(), bytes.end()));
  CsvReader reader(must(files.open("/data/a.csv", OpenMode::read)), separator);
  Contents contents;
  CsvRow row;
  while (true) {
    const auto found = reader.next(row);
    if (!found) {
      contents.errors.push_back(found.error().message());
      continue;
    }
    if (!*found) return contents;
    contents.rows.push_back(row.fields);
    contents.lines.push_back(row.line);
  }
}

}  // namespace

TEST_CASE("rows end with LF, CRLF or the file; blank lines are passed over") {
  REQUIRE(read("a,b\r\n1,2\n\n3,4").rows == Rows{{"a", "b"}, {"1", "2"}, {"3", "4"}});
  REQUIRE(read("a,b\r\n1,2\r\n\r\n").rows == Rows{{"a", "b"}, {"1", "2"}});
  REQUIRE(read("1,2\r").rows == Rows{{"1", "2"}});
  REQUIRE(read("1,\n,2").rows == Rows{{"1", ""}, {"", "2"}});
  REQUIRE(read("").rows.empty());
}

TEST_CASE("a byte order mark is passed over") {
  REQUIRE(read("\xEF\xBB\xBF"
               "a,b\n")
              .rows == Rows{{"a", "b"}});
  REQUIRE(read("\xEF\xBB\xBF").rows.empty());
}

TEST_CASE("quoted fields may hold separators, doubled quotes and line breaks") {
  const auto contents = read("\"a,b\",\"say \"\"hi\"\"\",\"two\r\nlines\"\nx,y,\"\"\n");
  REQUIRE(contents.rows == Rows{{"a,b", "say \"hi\"", "two\r\nlines"}, {"x", "y", ""}});
  REQUIRE(contents.lines == std::vector<std::uint64_t>{1, 3});
  REQUIRE(read("5\" pipe,\"x\"\n").rows == Rows{{"5\" pipe", "x"}});
}

TEST_CASE("the separator can be another one") {
  REQUIRE(read("a;\"b;c\";1,5\n", ';').rows == Rows{{"a", "b;c", "1,5"}});
}

TEST_CASE("a quote that is never closed costs its own line only") {
  const auto contents = read("a,b\n1,\"2\n3,4\n5,6\n");
  REQUIRE(contents.rows == Rows{{"a", "b"}, {"3", "4"}, {"5", "6"}});
  REQUIRE(contents.lines == std::vector<std::uint64_t>{1, 3, 4});
  REQUIRE(contents.errors.size() == 1);
  REQUIRE(contents.errors[0].starts_with("line 2: "));
}

TEST_CASE("a row over 64 KiB costs its line only") {
  const auto contents = read("a\n\"" + std::string(100'000, 'x') + "\nb\n");
  REQUIRE(contents.rows == Rows{{"a"}, {"b"}});
  REQUIRE(contents.errors.size() == 1);
}

TEST_CASE("text after a closing quote is refused") {
  const auto contents = read("\"a\"b,c\n\"d\" ,e\n1,2\n");
  REQUIRE(contents.rows == Rows{{"1", "2"}});
  REQUIRE(contents.errors.size() == 2);
  REQUIRE(contents.errors[1].starts_with("line 2: "));
}

TEST_CASE("a file is read through a buffer smaller than it") {
  std::string text;
  for (int i = 0; i < 20'000; ++i)
    text += std::to_string(i) + ",\"" + std::to_string(2 * i) + "\"\r\n";
  const auto contents = read(text);
  REQUIRE(contents.rows.size() == 20'000);
  for (std::size_t i = 0; i < contents.rows.size(); ++i) {
    REQUIRE(contents.rows[i] == std::vector<std::string>{std::to_string(i), std::to_string(2 * i)});
    REQUIRE(contents.lines[i] == i + 1);
  }
}
