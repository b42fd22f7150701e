#include <algorithm>
#include <array>

#include "shared/event/schema.h"

namespace tributary {
namespace {

constexpr std::array<std::string_view, 3> kNames{"telemetry", "clickstream", "measurement"};

constexpr std::array<std::string_view, 3> kTexts{
    R"json({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "telemetry",
  "description": "One reading of a climate sensor. Members beyond these are kept.",
  "type": "object",
  "required": ["sensor_id", "timestamp", "temperature", "humidity", "location"],
  "properties": {
    "sensor_id": {
      "description": "Which sensor took the reading.",
      "type": "string",
      "minLength": 1,
      "maxLength": 128
    },
    "timestamp": {
      "description": "When it was taken: RFC 3339 with an offset, to the nanosecond at most.",
      "type": "string",
      "format": "date-time"
    },
    "temperature": {
      "description": "In degrees Celsius.",
      "type": "number"
    },
    "humidity": {
      "description": "Relative, in per cent.",
      "type": "number",
      "minimum": 0,
      "maximum": 100
    },
    "location": {
      "description": "Where the sensor is, in degrees of WGS 84.",
      "type": "object",
      "required": ["latitude", "longitude"],
      "properties": {
        "latitude": {"type": "number", "minimum": -90, "maximum": 90},
        "longitude": {"type": "number", "minimum": -180, "maximum": 180}
      }
    }
  },
  "x-tributary": {
    "key": ["sensor_id", "timestamp"],
    "time": "timestamp",
    "partition_by": "sensor_id",
    "series": "sensor_id"
  }
}
)json",
    R"json({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "clickstream",
  "description": "One thing that a user did on a site. Members beyond these are kept.",
  "type": "object",
  "required": ["event_id", "user_id", "event_type", "page", "event_time"],
  "properties": {
    "event_id": {
      "description": "Made by the sender; the same when it sends the event again.",
      "type": "string",
      "format": "uuid"
    },
    "user_id": {
      "description": "Who did it. One user's events stay in order.",
      "type": "integer"
    },
    "event_type": {
      "description": "What was done: page_view, click, purchase, ….",
      "type": "string"
    },
    "page": {
      "description": "Where it was done: a path or an address.",
      "type": "string"
    },
    "event_time": {
      "description": "When it was done: RFC 3339 with an offset, to the nanosecond at most.",
      "type": "string",
      "format": "date-time"
    }
  },
  "x-tributary": {
    "key": ["event_id"],
    "time": "event_time",
    "partition_by": "user_id",
    "series": "user_id"
  }
}
)json",
    R"json({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "measurement",
  "description": "Named values that one source measured at one time. Members beyond these are kept.",
  "type": "object",
  "required": ["sensor_id", "timestamp", "values"],
  "properties": {
    "sensor_id": {
      "description": "What measured.",
      "type": "string",
      "minLength": 1,
      "maxLength": 128
    },
    "timestamp": {
      "description": "When: RFC 3339 with an offset, to the nanosecond at most.",
      "type": "string",
      "format": "date-time"
    },
    "values": {
      "description": "What was measured, by name: {\"cpu\": 0.25, \"memory\": 512}.",
      "type": "object",
      "minProperties": 1,
      "additionalProperties": {"type": "number"}
    },
    "tags": {
      "description": "What else is to be known of it, by name: {\"host\": \"gateway-7\"}.",
      "type": "object",
      "additionalProperties": {"type": "string"}
    }
  },
  "x-tributary": {
    "key": ["sensor_id", "timestamp"],
    "time": "timestamp",
    "partition_by": "sensor_id",
    "series": "sensor_id"
  }
}
)json"};

}  // namespace

std::span<const std::string_view> Schema::built_in_names() { return kNames; }

Result<Schema> Schema::built_in(std::string_view name) {
  const auto* const found = std::ranges::find(kNames, name);
  if (found == kNames.end()) {
    return fail(errc::not_found, "there is no built-in schema \"" + std::string(name) +
                                     "\": telemetry, clickstream and measurement are built in");
  }
  return parse(name, kTexts.at(static_cast<std::size_t>(found - kNames.begin())));
}

}  // namespace tributary
