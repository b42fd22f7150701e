// What a user is told who adds a pipeline of his own and makes a mistake: where, what, and the way
// out.

#include <nlohmann/json.hpp>

#include "tests/unit/collector/config_fixture.h"

using namespace tributary;
using namespace tributary::collector;
using nlohmann::json;

namespace {

const std::string kPipeline = "[[pipeline]]\nname = \"air\"\nschema = \"$SCHEMA\"\n";

const char* const kSchema = R"({
  "type": "object", "required": ["station", "at"],
  "properties": {
    "station": {"type": "string", "maxLength": 8},
    "at": {"type": "string", "format": "date-time"},
    "level": {"type": "integer", "minimum": 0},
    "place": {"type": "object", "properties": {"floor": {"type": "integer"}}},
    "quality": {"type": "string", "enum": ["good", "bad"]}
  },
  "x-tributary": {"key": ["station", "at"], "time": "at", "series": "station"}})";

// The schema with a change (RFC 7396).
std::string changed(std::string_view change) {
  auto schema = json::parse(kSchema);
  schema.merge_patch(json::parse(change));
  return schema.dump();
}

}  // namespace

TEST_CASE("a schema of the user's own and a pipeline are all that a new kind of event needs") {
  const auto config = ConfigSources{.file = kPipeline, .schema = kSchema}.good();
  const auto& pipeline = config.pipelines.at(0);
  REQUIRE(pipeline.schema.key() == std::vector<std::string>{"station", "at"});
  REQUIRE(pipeline.topic == "air");
  REQUIRE(pipeline.table == "air");
  REQUIRE(pipeline.group == "persisters");
}

TEST_CASE("a mistake in a schema is told with the line that names the file, and its place in it") {
  const auto [change, words] = GENERATE(table<std::string, std::string>({
      {R"({"x-tributary": null})", "/x-tributary is missing: it says which members are the key"},
      {R"({"x-tributary": {"key": null}})",
       "/x-tributary/key is missing: a list of the members that identify an event"},
      {R"({"x-tributary": {"key": "station"}})", "/x-tributary/key must be a list of 1 to 16"},
      {R"({"x-tributary": {"key": ["statoin"]}})",
       "names \"statoin\", which is not among the properties at the top: at, level, place, "
       "quality, station"},
      {R"({"x-tributary": {"key": ["place.floor"]}})", "not among the properties at the top"},
      {R"({"x-tributary": {"key": ["level"]}})",
       "which every event must have: add it to /required"},
      {R"({"required": ["place"], "x-tributary": {"key": ["place"]}})",
       "whose type must be one of string, integer, number, boolean"},
      {R"({"x-tributary": {"time": null}})", "/x-tributary/time is missing"},
      {R"({"x-tributary": {"time": "station"}})",
       "must be {\"type\": \"string\", \"format\": \"date-time\"}"},
      {R"({"x-tributary": {"serie": "station"}})", "/x-tributary/serie is not known: key, time"},
      {R"({"properties": {"level": {"type": "float"}}})",
       "/properties/level/type must be array, boolean"},
      {R"({"properties": {"level": {"minumum": 1}}})",
       "/properties/level/minumum is not supported: did you mean minimum?"},
      {R"({"properties": {"place": {"$ref": "#/$defs/place"}}})", "SCHEMA.md lists the keywords"},
      {R"({"properties": {"at": {"format": "date"}}})", "date-time and uuid are; a pattern can"},
      {R"x({"properties": {"station": {"pattern": "^(?!X)"}}})x",
       "/properties/station/pattern is not a regular expression of RE2"},
      {R"({"properties": {"level": {"maximum": -1}}})",
       "/properties/level/minimum is 0, which is more than maximum, -1"},
      {R"({"properties": {"quality": {"enum": [1]}}})",
       "/properties/quality/enum has no value of the type \"string\""},
      {R"({"additionalProperties": false, "required": ["station", "at", "unit"]})",
       "/required/2 names \"unit\", which is not among the properties"},
      {R"({"properties": {"_id": {"type": "string"}}})", "/properties/_id is a reserved name"},
      {R"({"properties": {"at_ns": {"type": "integer"}}})", "/properties/at_ns is a reserved name"},
      {R"({"type": "array"})", "/type must be \"object\": an event is one"},
      {R"({"$schema": "http://json-schema.org/draft-07/schema#"})",
       "/$schema must be https://json-schema.org/draft/2020-12/schema, or left out"},
  }));
  const auto text = ConfigSources{.file = kPipeline, .schema = changed(change)}.mistakes();
  says(text, "collector.toml:3: pipeline.air.schema: ");
  says(text, "schema.json: schema \"air\": ");
  says(text, words);
}

TEST_CASE("a schema that is no JSON is told with line and column") {
  const auto [schema, words] = GENERATE(table<std::string, std::string>({
      {"{\n  \"type\": \"object\",\n}", "is not JSON, at line 3, column 1"},
      {"{\n  // a comment\n}", "is not JSON, at line 2"},
      {" ", "is not JSON, at line 1"},
      {"[]", "is not a schema: must be an object"},
      {R"({"title": "a", "title": "b"})", "/title is there more than once"},
      {"\xef\xbb\xbf{}", "starts with a byte order mark: leave it out"},
  }));
  says(ConfigSources{.file = kPipeline, .schema = schema}.mistakes(), words);
}

TEST_CASE("a mistake in a pipeline is told with its line and the way out") {
  const auto [members, words] = GENERATE(table<std::string, std::string>({
      {"",
       "collector.toml:1: pipeline.air.schema: \"air\" is neither a built-in schema (telemetry, "
       "clickstream, measurement) nor the path of a .json file"},
      {"schema = \"air.yaml\"", "nor the path of a .json file"},
      {"schema = \"nowhere.json\"", "cannot read nowhere.json: No such file or directory"},
      {"schema = \"nowhere.json\"", "in the working directory /"},
      {"schema = \"/\"", "nor the path of a .json file"},
      {"schema = { type = \"object\" }", "must be a string: write it in quotes"},
      {"schem = \"telemetry\"",
       "collector.toml:3: pipeline.air.schem is not a setting: did you mean "
       "schema?"},
      {"schema = \"telemetry\"\ntopic = \"a b\"", "is no topic: letters, digits"},
      {"schema = \"telemetry\"\ntopic = \"air.dead\"", "is the name of dead letters"},
      {"schema = \"telemetry\"\ngroup = \"A B\"", "is no group: lower-case letters"},
      {"schema = \"telemetry\"\nstream = \"kafka://a\"\ngroup = \"a b\"",
       "is no group: letters, digits"},
      {"schema = \"telemetry\"\nstream = \"localhost:9092\"",
       "is no stream: write \"embedded:\" or \"kafka://host:9092\""},
      {"schema = \"telemetry\"\nstream = \"kafka://a:x\"", "a port is a number from 1 to 65535"},
      {"schema = \"telemetry\"\nstream = \"kafka://me:secret@a\"", "use kafka.user"},
      {"schema = \"telemetry\"\nstore = \"postgres\"", "is no store: write \"sqlite:\""},
      {"schema = \"telemetry\"\nstore = \"postgresql://db\"", "names no database"},
      {"schema = \"telemetry\"\nstore = \"mongodb://db\"", "database"},
      {"schema = \"telemetry\"\ntable = \"public.air\"",
       "table \"public.air\": a name is one letter or _"},
      {"schema = \"telemetry\"\ncollection = \"a b\"",
       "pipeline.air.collection: table \"a b\": a name is"},
      {"schema = \"telemetry\"\ncollection = \"a\"\ntable = \"b\"",
       "table: means the same as collection: leave one of them out"},
      {"schema = \"telemetry\"\nkey = [\"a\"]", "pipeline.air.key is not a setting"},
  }));
  says(ConfigSources{.file = "[[pipeline]]\nname = \"air\"\n" + members + "\n"}.mistakes(), words);
}

TEST_CASE("what a store can't hold is told before it is opened") {
  const auto [members, words] = GENERATE(table<std::string, std::string>({
      {"table = \"a-b\"", "table: table \"a-b\": a name is one letter or _"},
      {"table = \"sqlite_x\"", "begins neither with sqlite_"},
      {"store = \"mongodb://db/x\"\ncollection = \"a b\"", "collection: \"a b\" is no collection"},
      {"store = \"postgresql://db/x\"\ntable = \"public.air\"",
       "table: table \"public.air\": a name"},
      {"store = \"postgresql://db/x\"\ntable = \"" + std::string(60, 'a') + "\"",
       "a name has 1 to"},
  }));
  says(ConfigSources{.file = kPipeline + members + "\n", .schema = kSchema}.mistakes(), words);
}

TEST_CASE("a key that PostgreSQL has no column for is told") {
  const std::string name(70, 'k');
  const auto schema = changed(R"({"required": [")" + name + R"(", "at"], "properties": {")" + name +
                              R"(": {"type": "string"}}, "x-tributary": {"key": [")" + name +
                              R"("], "series": null}})");
  ConfigSources sources{.file = kPipeline, .schema = schema};
  REQUIRE(sources.read());
  sources.file += "store = \"postgresql://db/x\"\n";
  says(sources.mistakes(), "pipeline.air.schema: schema air: PostgreSQL can have no column named");
}

TEST_CASE("a table's name is the pipeline's, in SQL without hyphens") {
  const auto table_of = [](const std::string& store) {
    return ConfigSources{
        .file =
            "[[pipeline]]\nname = \"air-quality\"\nschema = \"telemetry\"\nstore = "
            "\"" +
            store + "\"\n"}
        .good()
        .pipelines.at(0)
        .table;
  };
  REQUIRE(table_of("sqlite:") == "air_quality");
  REQUIRE(table_of("postgresql://db/x") == "air_quality");
  REQUIRE(table_of("mongodb://db/x") == "air-quality");
}

TEST_CASE("a pipeline without a usable name is told so, and nothing else of it") {
  const auto [start, words] = GENERATE(table<std::string, std::string>({
      {"name = \"Air Quality\"",
       "is no pipeline name: lower-case letters, digits, - and _, at most 63"},
      {"", "this [[pipeline]] has no name: add name = "},
      {"name = 7", "name is a whole number, but must be a string"},
  }));
  const auto text =
      ConfigSources{.file = "[[pipeline]]\n" + start + "\nschema = \"nowhere.json\"\n"}.mistakes();
  says(text, words);
  REQUIRE(text.find('\n') == std::string::npos);
}

TEST_CASE("tables that are not of the form [[pipeline]] are told how it is written") {
  says(ConfigSources{.file = "[pipeline]\nname = \"air\"\n"}.mistakes(), "write [[pipeline]]");
  says(ConfigSources{.file = "[[pipelines]]\nname = \"air\"\n"}.mistakes(),
       "did you mean pipeline?");
  says(ConfigSources{.file =
                         "[[pipeline]]\nname = \"telemetry\"\n[[pipeline]]\nname = \"telemetry\"\n"}
           .mistakes(),
       "there is one named \"telemetry\" already");
}
