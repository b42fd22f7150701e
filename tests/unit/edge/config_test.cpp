#include "edge/config.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "tests/unit/edge/fakes.h"

using namespace tributary;
using namespace tributary::edge;
using namespace std::chrono_literals;
using tributary::edge::test::must;

namespace {

// A configuration file in a directory of its own.
class ConfigFile {
 public:
  explicit ConfigFile(const std::string& text) {
    std::string name = (std::filesystem::temp_directory_path() / "tributary-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    directory_ = name;
    write("edge.toml", text);
  }
  ~ConfigFile() { std::filesystem::remove_all(directory_); }
  ConfigFile(const ConfigFile&) = delete;
  ConfigFile& operator=(const ConfigFile&) = delete;

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ / name) << text;
  }
  Result<Config> read(std::map<std::string, std::string> environment = {},
                      std::vector<std::string> sets = {}) const {
    SettingSources sources;
    sources.file = (directory_ / "edge.toml").string();
    environment.emplace("HOME", "/home/me");
    sources.environment = std::move(environment);
    sources.dotenv_file = (directory_ / ".env").string();
    sources.sets = std::move(sets);
    TRIBUTARY_ASSIGN(const auto settings, Settings::load(sources));
    return read_config(settings, sources.environment, sources.file);
  }
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }

 private:
  std::filesystem::path directory_;
};

constexpr const char* kRecording = R"(
[[sensor]]
type = "csv"
path = "office_room.csv"
pipeline = "telemetry"
time = { column = "Date", format = "%Y-%m-%d %H:%M:%S", zone = "UTC" }
fields = { temperature = "Temperature", humidity = "Humidity", light = "Light", co2 = "CO2" }
set = { sensor_id = "office", location = { latitude = 50.45, longitude = 3.95 } }
pace = "max"
)";

}  // namespace

TEST_CASE("an empty configuration is a good one: a buffer, the local broker, no sensor") {
  const auto config = must(ConfigFile("").read());
  REQUIRE(config.id == edge_id_of_host(config.id));
  REQUIRE(config.buffer.path == "/home/me/.local/state/tributary/buffer");
  REQUIRE(config.buffer.size_max == 256U << 20);
  REQUIRE(config.buffer.sync == 100ms);
  REQUIRE(config.publisher.mqtt.url == "mqtt://127.0.0.1:1883");
  REQUIRE(config.publisher.receipts.receipts);
  REQUIRE(config.publisher.receipts.timeout == 10s);
  REQUIRE(config.http.listen == std::vector<std::string>{"127.0.0.1:8003"});
  REQUIRE(config.sensors.empty());
}

TEST_CASE("a file of TLS that can't be read is a mistake of the configuration") {
  const auto config = ConfigFile(R"(
[mqtt]
tls = { ca = "/there/is/no.pem" }
)")
                          .read();
  REQUIRE_FALSE(config);
  REQUIRE(config.error().message().find("mqtt.tls.ca: cannot read /there/is/no.pem") !=
          std::string::npos);
}

TEST_CASE("every key of edge.toml is read") {
  const auto config = must(ConfigFile(R"(
id = "gateway-7"
exit_when_done = true
[buffer]
path = "/var/lib/tributary/buffer"
max_size = "64MiB"
when_full = "block"
sync = "always"
segment_size = "1MiB"
[mqtt]
url = "mqtts://broker:8883"
user = "me"
tls = { ca = "/dev/null", certificate = "/dev/null", key = "/dev/zero" }
acknowledge = "puback"
receipt_timeout = "5s"
keepalive = "20s"
window = 3
batch_size = "32KiB"
batch_wait = "20ms"
[http]
listen = ["127.0.0.1:0", "[::1]:0"]
[[sensor]]
type = "simulator"
count = 10
rate = 10.0
)")
                               .read());
  REQUIRE(config.id == "gateway-7");
  REQUIRE(config.exit_when_done);
  REQUIRE(config.buffer.sync == 0ms);
  REQUIRE(config.full_policy("telemetry") == FullPolicy::block);
  const auto buffer = config.buffer_options("telemetry", 2);
  REQUIRE(buffer.size_max == 32U << 20);
  REQUIRE(buffer.segment_size == 1U << 20);
  REQUIRE(buffer.directory == "/var/lib/tributary/buffer/telemetry");
  REQUIRE(config.publisher.mqtt.tls.key_file == "/dev/zero");
  REQUIRE(config.publisher.mqtt.keepalive == 20s);
  REQUIRE_FALSE(config.publisher.receipts.receipts);
  REQUIRE(config.publisher.receipts.timeout == 5s);
  REQUIRE(config.publisher.receipts.window == 3);
  REQUIRE(config.outbox.batch_size == 32U << 10);
  REQUIRE(config.outbox.batch_wait == 20ms);
  REQUIRE(config.sensors.size() == 10);
  REQUIRE(config.sensors[9].name == "gateway-7-sim-10");
  REQUIRE(config.pipelines() == std::vector<std::string>{"telemetry"});
}

TEST_CASE("simulators of two tables have ids of their own") {
  const auto config =
      must(ConfigFile("id = \"e\"\n[[sensor]]\ntype = \"simulator\"\ncount = 2\n"
                      "[[sensor]]\ntype = \"simulator\"\nrate = 5\n"
                      "[[sensor]]\ntype = \"simulator\"\nprefix = \"x\"\npipeline = \"p\"\n")
               .read());
  std::vector<std::string> names;
  for (const auto& sensor : config.sensors) names.push_back(sensor.name);
  REQUIRE(names == std::vector<std::string>{"e-sim-1", "e-sim-2", "e-sim-3", "x1"});
  REQUIRE(config.pipelines() == std::vector<std::string>{"telemetry", "p"});
}

TEST_CASE("a recording is configured as a user writes it, and found beside the configuration") {
  const ConfigFile file(std::string("exit_when_done = true\n") + kRecording);
  std::filesystem::copy_file(std::string(TEST_DATA_DIRECTORY) + "/office_room.csv",
                             file.directory() / "office_room.csv");
  const auto config = must(file.read());
  REQUIRE(config.full_policy("telemetry") == FullPolicy::block);  // it can wait
  REQUIRE(config.full_policy("other") == FullPolicy::drop_oldest);
  const SystemClock clock;
  const auto sensor = must(make_sensor(posix_file_system(), clock, config.sensors.at(0)));
  const auto reading = must(sensor->sample({})).json;
  REQUIRE(reading.find(R"("sensor_id":"office")") != std::string::npos);
  REQUIRE(reading.find(R"("location":{"latitude":50.45,"longitude":3.95})") != std::string::npos);
  REQUIRE(reading.find(R"("timestamp":"2015-02-04T17:51:00Z")") != std::string::npos);
  REQUIRE(reading.find(R"("temperature":23.18)") != std::string::npos);
}

TEST_CASE("a pace is max, real, or a factor") {
  const auto pace = [](const std::string& text) {
    const auto config =
        ConfigFile("[[sensor]]\ntype = \"csv\"\npath = \"a\"\npace = " + text).read();
    return config ? std::get<CsvOptions>(config->sensors.at(0).options).pace : -1;
  };
  REQUIRE(pace(R"("max")") == 0);
  REQUIRE(pace(R"("real")") == 1);
  REQUIRE(pace("60.0") == 60);
  REQUIRE(pace("2") == 2);
  REQUIRE(pace("0") == -1);
  REQUIRE(pace("-1.0") == -1);
  REQUIRE(pace(R"("fast")") == -1);
}

TEST_CASE("members with dots are nested, however they are written") {
  const auto fields = [](const std::string& text) {
    const auto config =
        must(ConfigFile("[[sensor]]\ntype = \"csv\"\npath = \"a\"\nfields = " + text).read());
    return std::get<CsvOptions>(config.sensors.at(0).options).fields;
  };
  using Fields = std::vector<std::pair<std::vector<std::string>, std::string>>;
  const Fields expected{{{"values", "light"}, "Light"}};
  REQUIRE(fields(R"({ "values.light" = "Light" })") == expected);
  REQUIRE(fields(R"({ values.light = "Light" })") == expected);
  REQUIRE(fields(R"({ values = { light = "Light" } })") == expected);
}

TEST_CASE("a host sensor needs its type alone, and takes what its file says") {
  const auto plain = must(ConfigFile("id = \"e\"\n[[sensor]]\ntype = \"host\"\n").read());
  REQUIRE(plain.sensors.at(0).name == "e-host");
  REQUIRE(plain.sensors.at(0).pipeline == "measurement");
  const auto defaults = std::get<HostOptions>(plain.sensors.at(0).options);
  REQUIRE(defaults.interval == 10s);
  REQUIRE(defaults.disk);
  REQUIRE(defaults.tags.empty());

  const auto config = must(ConfigFile(R"(
[[sensor]]
type = "host"
pipeline = "machines"
sensor_id = "gateway 7"
interval = "1m"
groups = ["memory", "disk"]
mounts = ["/", "/data"]
interfaces = ["eth0"]
tags = { site = "the \"roof\"", rack = "7" }
)")
                               .read());
  REQUIRE(config.pipelines() == std::vector<std::string>{"machines"});
  const auto options = std::get<HostOptions>(config.sensors.at(0).options);
  REQUIRE(options.sensor_id == "gateway 7");
  REQUIRE(options.interval == 60s);
  REQUIRE(options.memory);
  REQUIRE(options.disk);
  REQUIRE_FALSE(options.cpu);
  REQUIRE_FALSE(options.network);
  REQUIRE(options.mounts == std::vector<std::string>{"/", "/data"});
  REQUIRE(options.interfaces == std::vector<std::string>{"eth0"});
  REQUIRE(options.tags == R"({"site":"the \"roof\"","rack":"7"})");
}

TEST_CASE("a mistake is told with its place and what to do") {
  const auto [text, place, words] = GENERATE(table<std::string, std::string, std::string>({
      {"id = \"a b\"", "edge.toml:1", "A-Z"},
      {"idd = \"a\"", "edge.toml:1", "id"},
      {"[buffer]\nmax_size = \"1KiB\"", "edge.toml:2", "1MiB"},
      {"[buffer]\nwhen_full = \"burn\"", "edge.toml:2", "drop_oldest"},
      {"[buffer]\nsync = \"sometimes\"", "edge.toml:2", "duration"},
      {"[mqtt]\nurl = \"http://x\"", "edge.toml:2", "mqtt://"},
      {"[mqtt]\nacknowledge = \"maybe\"", "edge.toml:2", "receipt"},
      {"[mqtt]\npassword_file = \"/nowhere\"", "edge.toml:2", "/nowhere"},
      {"[mqtt]\ntls = { key = \"k\" }", "edge.toml:2", "certificate"},
      {"[http]\nlisten = [\"0.0.0.0:8003\"]", "edge.toml:2", "insecure"},
      {"[http]\nlisten = [\"[::]:8003\"]", "edge.toml:2", "insecure"},
      {"[http]\nlisten = [\"127.0.0.1\"]", "edge.toml:2", "no address"},
      {"[http]\nlisten = [\"127.0.0.1:65536\"]", "edge.toml:2", "no address"},
      {"[http]\nlisten = [\"127.0.0.1.example.org:1\"]", "edge.toml:2", "no address"},
      {"[http]\nlisten = [\"127.0.0.1:1\", \"127.0.0.1:1\"]", "edge.toml:2", "twice"},
      {"[[sensor]]\npipeline = \"x\"", "edge.toml:1", "type"},
      {"[[sensor]]\ntype = \"thermometer\"", "edge.toml:2", "simulator"},
      {"[[sensor]]\ntype = \"simulator\"\npipeline = \"Bad Name\"", "edge.toml:3", "a-z"},
      {"[[sensor]]\ntype = \"simulator\"\nrate = 0", "edge.toml:3", "rate"},
      {"[[sensor]]\ntype = \"simulator\"\ncount = 0", "edge.toml:3", "count"},
      {"[[sensor]]\ntype = \"simulator\"\ncuont = 1", "edge.toml:3", "count"},
      {"[[sensor]]\ntype = \"csv\"", "edge.toml:1", "path"},
      {"[[sensor]]\ntype = \"csv\"\npath = \"a\"\nspeed = 1", "edge.toml:4", "speed"},
      {"[[sensor]]\ntype = \"csv\"\npath = \"a\"\npace = \"slow\"", "edge.toml:4", "real"},
      {"[[sensor]]\ntype = \"csv\"\npath = \"a\"\nseparator = \",,\"", "edge.toml:4",
       "one character"},
      {"[[sensor]]\ntype = \"csv\"\npath = \"a\"\ntime = { format = \"%F\" }", "edge.toml:4",
       "column"},
      {"[[sensor]]\ntype = \"csv\"\npath = \"a\"\ntime = { column = \"t\", format = \"%Q\" }",
       "edge.toml:4", "%Q"},
      {"[[sensor]]\ntype = \"csv\"\npath = \"a\"\ntime = { column = \"t\", zone = \"CET\" }",
       "edge.toml:4", "+01:00"},
      {"[[sensor]]\ntype = \"host\"\ninterval = \"1ms\"", "edge.toml:3", "interval"},
      {"[[sensor]]\ntype = \"host\"\nrate = 1", "edge.toml:3", "rate"},
      {"[[sensor]]\ntype = \"host\"\nsensor_id = \"\"", "edge.toml:3", "1 to 128"},
      {"[[sensor]]\ntype = \"host\"\ngroups = [\"gpu\"]", "edge.toml:3", "temperature"},
      {"[[sensor]]\ntype = \"host\"\ngroups = []", "edge.toml:3", "is empty"},
      {"[[sensor]]\ntype = \"host\"\nmounts = [\"data\"]", "edge.toml:3", "absolute"},
      {"[[sensor]]\ntype = \"host\"\ninterfaces = [\"\"]", "edge.toml:3", "eth0"},
      {"[[sensor]]\ntype = \"host\"\ntags = { rack = 7 }", "edge.toml:3", "in quotes"},
      {"[[sensor]]\ntype = \"host\"\n[[sensor]]\ntype = \"host\"", "edge.toml:3", "sensor_id"},
  }));
  CAPTURE(text);
  const auto config = ConfigFile(text).read();
  REQUIRE_FALSE(config);
  const auto message = config.error().message();
  CAPTURE(message);
  REQUIRE(message.find(place) != std::string::npos);
  REQUIRE(message.find(words) != std::string::npos);
}

TEST_CASE("all mistakes are told at once") {
  const auto config =
      ConfigFile("id = \"\"\nnonsense = 1\n[buffer]\nmax_size = 3\n[mqtt]\nwindow = 0\n").read();
  REQUIRE_FALSE(config);
  const auto message = config.error().message();
  REQUIRE(std::ranges::count(message, '\n') == 3);
}

TEST_CASE("the password comes from the environment or a file, never from the command line") {
  const ConfigFile plain("");
  REQUIRE(must(plain.read({{"TRIBUTARY_MQTT__PASSWORD", "secret"}})).publisher.mqtt.password ==
          "secret");
  const auto refused = plain.read({}, {"mqtt.password=secret"});
  REQUIRE_FALSE(refused);
  REQUIRE(refused.error().message().find("password_file") != std::string::npos);
  REQUIRE(refused.error().message().find("secret") == std::string::npos);
  plain.write("password", "from-file\n");
  plain.write("edge.toml",
              "[mqtt]\npassword_file = \"" + (plain.directory() / "password").string() + "\"\n");
  REQUIRE(must(plain.read()).publisher.mqtt.password == "from-file");
}

TEST_CASE("a host's name becomes an id") {
  REQUIRE(edge_id_of_host("gateway-7.plant.example") == "gateway-7-plant-example");
  REQUIRE(edge_id_of_host("") == "edge");
  REQUIRE(edge_id_of_host(std::string(100, 'x')).size() == 64);
}

TEST_CASE("a pipeline's name is checked") {
  REQUIRE(is_pipeline_name("telemetry"));
  REQUIRE(is_pipeline_name("0a_b-c"));
  REQUIRE(is_pipeline_name(std::string(63, 'a')));
  REQUIRE_FALSE(is_pipeline_name(std::string(64, 'a')));
  REQUIRE_FALSE(is_pipeline_name(""));
  REQUIRE_FALSE(is_pipeline_name("-a"));
  REQUIRE_FALSE(is_pipeline_name("A"));
}
