#include "edge/source/csv_sensor.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/memory_file_system.h"
#include "tests/unit/edge/fakes.h"

using namespace tributary;
using namespace tributary::edge;
using namespace std::chrono_literals;
using tributary::edge::test::must;

namespace {

const Timestamp kNow = *Timestamp::parse("2026-01-21T10:00:00Z");

class Recording {
 public:
  explicit Recording(std::string_view text) {
    must(files_.make_directories("/data"));
    must(files_.open("/data/a.csv", OpenMode::create));
    const auto bytes = as_bytes(text);
    files_.put("/data/a.csv", Bytes(bytes.begin(), bytes.end()));
    options.path = "/data/a.csv";
  }
  Result<std::unique_ptr<CsvSensor>> open() { return CsvSensor::open(files_, options); }
  tributary::test::MemoryFileSystem& files() { return files_; }

  CsvOptions options;

 private:
  tributary::test::MemoryFileSystem files_;
};

std::vector<std::string> read_all(CsvSensor& sensor) {
  std::vector<std::string> readings;
  while (sensor.interval()) {
    const auto reading = sensor.sample(kNow);
    readings.push_back(reading ? reading->json : "error: " + reading.error().message());
  }
  return readings;
}

CsvOptions office_room() {
  CsvOptions options;
  options.path = std::string(TEST_DATA_DIRECTORY) + "/office_room.csv";
  options.time_column = "Date";
  options.time_format = *TimeFormat::create("%Y-%m-%d %H:%M:%S", "UTC");
  options.fields = {{{"temperature"}, "Temperature"},
                    {{"humidity"}, "Humidity"},
                    {{"light"}, "Light"},
                    {{"co2"}, "CO2"}};
  options.set = {{{"sensor_id"}, R"("office")"},
                 {{"location"}, R"({"latitude":50.45,"longitude":3.95})"}};
  return options;
}

}  // namespace

TEST_CASE(
    "each of the 8,143 rows of the office recording becomes an event with the file's own digits") {
  const auto sensor = must(CsvSensor::open(posix_file_system(), office_room()));
  std::ifstream file(std::string(TEST_DATA_DIRECTORY) + "/office_room.csv");
  std::string line;
  std::getline(file, line);
  std::size_t count = 0;
  while (std::getline(file, line)) {
    std::vector<std::string> fields;
    std::stringstream parts(line);
    for (std::string field; std::getline(parts, field, ',');) fields.push_back(field);
    auto time = fields[0].substr(1, 19) + "Z";
    time[10] = 'T';
    const auto expected =
        R"({"sensor_id":"office","location":{"latitude":50.45,"longitude":3.95},"timestamp":")" +
        time + R"(","temperature":)" + fields[1] + R"(,"humidity":)" + fields[2] + R"(,"light":)" +
        fields[3] + R"(,"co2":)" + fields[4] + "}";
    REQUIRE(sensor->interval() == 0ns);
    REQUIRE(must(sensor->sample(kNow)).json == expected);
    ++count;
  }
  REQUIRE(count == 8143);
  REQUIRE_FALSE(sensor->interval());
}

TEST_CASE("a field is a number, a string, or nothing, by what it looks like") {
  Recording recording(
      "a\n23.180\n-1e5\n007\n+5\n.5\n\"1,5\"\nNaN\n 42 \n\"7\"\nwarm\n\"two\nlines\"\n");
  recording.options.fields = {{{"a"}, "a"}};
  recording.options.set = {{{"x"}, "1"}};
  const auto sensor = must(recording.open());
  const std::string head = R"({"x":1,"timestamp":"2026-01-21T10:00:00Z")";
  REQUIRE(read_all(*sensor) ==
          std::vector<std::string>{head + R"(,"a":23.180})", head + R"(,"a":-1e5})",
                                   head + R"(,"a":"007"})", head + R"(,"a":"+5"})",
                                   head + R"(,"a":".5"})", head + R"(,"a":"1,5"})", head + "}",
                                   head + R"(,"a":42})", head + R"(,"a":7})",
                                   head + R"(,"a":"warm"})", head + R"(,"a":"two\nlines"})"});
}

TEST_CASE("without fields every column but the time's becomes a member of its own name") {
  Recording recording("t,a,b\n2015-02-04T17:51:00Z,1,x\n");
  recording.options.time_column = "t";
  const auto sensor = must(recording.open());
  REQUIRE(read_all(*sensor) ==
          std::vector<std::string>{R"({"timestamp":"2015-02-04T17:51:00Z","a":1,"b":"x"})"});
}

TEST_CASE("members may be nested, and an object without any value is left out") {
  Recording recording("l,c,d\n1,2,3\n1,,\n,,\n");
  recording.options.fields = {
      {{"values", "light"}, "l"}, {{"values", "co2"}, "c"}, {{"deep", "er", "d"}, "d"}};
  recording.options.set = {{{"tags", "room"}, R"("office")"}};
  recording.options.time_field = {"meta", "time"};
  const auto sensor = must(recording.open());
  const std::string head = R"({"tags":{"room":"office"},"meta":{"time":"2026-01-21T10:00:00Z"})";
  REQUIRE(read_all(*sensor) ==
          std::vector<std::string>{head + R"(,"values":{"light":1,"co2":2},"deep":{"er":{"d":3}}})",
                                   head + R"(,"values":{"light":1}})", head + "}"});
}

TEST_CASE("a missing column is an error at the start that names those there are") {
  Recording recording("Date, Temp\n1,2\n");
  recording.options.fields = {{{"temperature"}, "Temperature"}};
  const auto error = recording.open().error().message();
  REQUIRE(error.find("/data/a.csv") != std::string::npos);
  REQUIRE(error.find("\"Temperature\"") != std::string::npos);
  REQUIRE(error.find("Date, Temp") != std::string::npos);
}

TEST_CASE("a file that isn't there, is empty, or gives a member twice is an error at the start") {
  Recording recording("");
  REQUIRE_FALSE(recording.open());
  recording.options.path = "/data/b.csv";
  REQUIRE_FALSE(recording.open());
  Recording twice("a\n1\n");
  twice.options.fields = {{{"a"}, "a"}, {{"a", "b"}, "a"}};
  REQUIRE(twice.open().error().message().find("twice") != std::string::npos);
}

TEST_CASE("a bad row fails with its line number, and the recording goes on behind it") {
  Recording recording(
      "t,a\n2015-02-04 17:51:00,1\nyesterday,2\n2015-02-04 17:52:00\n2015-02-04 "
      "17:53:00,\xFF\n2015-02-04 17:54:00,5\n");
  recording.options.time_column = "t";
  recording.options.time_format = *TimeFormat::create("%F %T", "+01:00");
  const auto readings = read_all(*must(recording.open()));
  REQUIRE(readings.size() == 5);
  REQUIRE(readings[0] == R"({"timestamp":"2015-02-04T16:51:00Z","a":1})");
  REQUIRE(readings[1].find("line 3: ") != std::string::npos);
  REQUIRE(readings[2].find("line 4: ") != std::string::npos);
  REQUIRE(readings[3].find("line 5: ") != std::string::npos);
  REQUIRE(readings[4] == R"({"timestamp":"2015-02-04T16:54:00Z","a":5})");
}

TEST_CASE("the pace is that of the rows' times, divided by the factor") {
  Recording recording(
      "t,a\n2015-02-04T17:51:00Z,1\n2015-02-04T17:52:00Z,2\n2015-02-04T17:51:30Z,3\n");
  recording.options.time_column = "t";
  recording.options.pace = 60;
  const auto sensor = must(recording.open());
  REQUIRE(sensor->interval() == 0ns);
  must(sensor->sample(kNow));
  REQUIRE(sensor->interval() == 1s);
  must(sensor->sample(kNow));
  REQUIRE(sensor->interval() == 0ns);  // the recording goes back: no wait
  must(sensor->sample(kNow));
  REQUIRE_FALSE(sensor->interval());
  REQUIRE_FALSE(sensor->skips_late_samples());
}

TEST_CASE("a disk that fails for a while loses no row") {
  std::string text = "a\n";
  for (int i = 0; i < 10'000; ++i) text += std::to_string(i) + "\n";
  Recording recording(text);
  const auto sensor = must(recording.open());
  int next = 0;
  int failures = 0;
  while (sensor->interval()) {
    if (next == 1000) recording.files().fail_next(tributary::test::Operation::read, EIO, 3);
    const auto reading = sensor->sample(kNow);
    if (reading) {
      REQUIRE(nlohmann::json::parse(reading->json)["a"] == next++);
    } else {
      ++failures;
    }
  }
  REQUIRE(next == 10'000);
  REQUIRE(failures >= 1);
}
