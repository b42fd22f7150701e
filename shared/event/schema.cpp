#include "shared/event/schema.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "shared/event/compiled_schema.h"
#include "shared/event/event.h"
#include "shared/event/json.h"
#include "shared/event/subset.h"

namespace tributary {
namespace {

using nlohmann::json;
using Type = SchemaField::Type;

constexpr std::size_t kNameSizeMax = 128;
constexpr std::size_t kKeyFieldsMax = 16;

std::unexpected<Error> invalid(std::string pointer, std::string detail) {
  return fail(errc::invalid_argument,
              to_text({.pointer = std::move(pointer), .detail = std::move(detail)}));
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameSizeMax &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c < '\x7f' && c != '@'; });
}

// The one type that the schema gives a member, beside null; empty when there is no such one.
std::string_view type_name(const json& member) {
  const auto types = member.is_object() ? member.find("type") : member.end();
  if (types == member.end()) return {};
  if (types->is_string()) return types->get_ref<const std::string&>();
  std::string_view only;
  for (const auto& type : *types) {
    if (type == "null") continue;
    if (!only.empty()) return {};
    only = type.get_ref<const std::string&>();
  }
  return only;
}

Type type_of(const json& member) {
  const auto name = type_name(member);
  if (name == "integer") return Type::integer;
  if (name == "number") return Type::number;
  if (name == "boolean") return Type::boolean;
  if (name != "string") return Type::nested;
  const auto format = member.find("format");
  if (format == member.end()) return Type::string;
  return *format == "uuid" ? Type::uuid : Type::time;
}

std::vector<SchemaField> fields_of(const json& schema) {
  std::vector<SchemaField> fields;
  const auto properties = schema.find("properties");
  if (properties == schema.end()) return fields;
  const auto required = schema.value("required", std::vector<std::string>());
  for (const auto& [name, member] : properties->items()) {
    const bool is_required = std::ranges::find(required, name) != required.end();
    fields.push_back({.name = name, .type = type_of(member), .required = is_required});
  }
  return fields;
}

const SchemaField* find_field(std::span<const SchemaField> fields, std::string_view name) {
  const auto found = std::ranges::lower_bound(fields, name, {}, &SchemaField::name);
  return found == fields.end() || found->name != name ? nullptr : &*found;
}

// Reads x-tributary against the schema's own declarations.
class RoleReader {
 public:
  explicit RoleReader(const json& schema) : schema_(schema), fields_(fields_of(schema)) {}

  std::vector<SchemaField> fields() && { return std::move(fields_); }

  Result<const json*> roles() const {
    const auto found = schema_.find("x-tributary");
    if (found == schema_.end()) {
      return invalid("/x-tributary",
                     "is missing: it says which members are the key and the time, as {\"key\": "
                     "[\"sensor_id\", \"timestamp\"], \"time\": \"timestamp\"}");
    }
    if (!found->is_object()) return invalid("/x-tributary", "must be an object");
    for (const auto& [name, value] : found->items()) {
      if (name != "key" && name != "time" && name != "partition_by" && name != "series") {
        std::string pointer = "/x-tributary";
        append_step(pointer, name);
        return fail(errc::unsupported,
                    pointer + " is not known: key, time, partition_by and series are");
      }
    }
    return &*found;
  }

  Result<std::vector<SchemaField>> key(const json& roles) const {
    const std::string pointer = "/x-tributary/key";
    const auto names = roles.find("key");
    if (names == roles.end()) {
      return invalid(pointer, "is missing: a list of the members that identify an event");
    }
    if (!names->is_array() || names->empty() || names->size() > kKeyFieldsMax) {
      return invalid(pointer, "must be a list of 1 to 16 member names");
    }
    std::vector<SchemaField> key;
    for (const auto& name : *names) {
      const auto at = pointer + "/" + std::to_string(key.size());
      TRIBUTARY_ASSIGN(auto field, scalar(name, at));
      if (std::ranges::find(key, field.name, &SchemaField::name) != key.end()) {
        return invalid(at, "names \"" + field.name + "\" for a second time");
      }
      key.push_back(std::move(field));
    }
    return key;
  }

  Result<SchemaField> time(const json& roles) const {
    const std::string pointer = "/x-tributary/time";
    const auto name = roles.find("time");
    if (name == roles.end())
      return invalid(pointer, "is missing: the member that is an event's time");
    TRIBUTARY_ASSIGN(auto field, scalar(*name, pointer));
    if (field.type != Type::time) {
      return invalid(pointer,
                     "names \"" + field.name +
                         "\", which must be {\"type\": \"string\", \"format\": \"date-time\"}");
    }
    return field;
  }

  // partition_by and series; the default when it isn't there.
  Result<SchemaField> optional_scalar(const json& roles, const std::string& role,
                                      const SchemaField& by_default) const {
    const auto name = roles.find(role);
    if (name == roles.end()) return by_default;
    return scalar(*name, "/x-tributary/" + role);
  }

  Result<void> check_reserved(const std::string& time_ns) const {
    for (const auto& field : fields_) {
      if (!is_reserved_name(field.name, time_ns)) continue;
      std::string pointer = "/properties";
      append_step(pointer, field.name);
      return invalid(pointer, "is a reserved name");
    }
    const auto required = schema_.value("required", std::vector<std::string>());
    for (std::size_t i = 0; i < required.size(); ++i) {
      if (is_reserved_name(required[i], time_ns)) {
        return invalid("/required/" + std::to_string(i), "is a reserved name");
      }
    }
    return {};
  }

 private:
  Result<SchemaField> scalar(const json& name, const std::string& pointer) const {
    if (!name.is_string()) return invalid(pointer, "must be the name of a member");
    const auto& text = name.get_ref<const std::string&>();
    const auto* field = find_field(fields_, text);
    if (field == nullptr) {
      return invalid(pointer, "names \"" + text +
                                  "\", which is not among the properties at the top: " + names());
    }
    if (!field->required) {
      return invalid(pointer,
                     "names \"" + text + "\", which every event must have: add it to /required");
    }
    const auto& declared = schema_["properties"][text];
    if (field->type == Type::nested || !declared["type"].is_string()) {
      return invalid(pointer, "names \"" + text +
                                  "\", whose type must be one of string, integer, number, boolean");
    }
    return *field;
  }

  [[nodiscard]] std::string names() const {
    std::string text;
    for (const auto& field : fields_) text += (text.empty() ? "" : ", ") + field.name;
    return text.empty() ? "there are none" : text;
  }

  const json& schema_;
  std::vector<SchemaField> fields_;
};

std::string id_of(std::string_view name, const json& schema) {
  std::string canonical;
  append_canonical(schema, canonical);
  auto hash = XXH3_64bits(canonical.data(), canonical.size());
  std::string digits(16, '0');
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, hash >>= 4U) {
    *digit = "0123456789abcdef"[hash & 0xfU];
  }
  return std::string(name) + "@" + digits;
}

Result<Schema::Compiled> compile(std::string_view name, std::string_view text) {
  if (!is_name(name)) {
    return fail(errc::invalid_argument,
                "its name must be 1 to 128 printable ASCII characters other than space and @");
  }
  auto parsed = parse_json(text, kNestingMax);
  if (!parsed) return fail(errc::invalid_argument, to_text(parsed.error()));
  const json& schema = *parsed;
  TRIBUTARY_ASSIGN(auto subset, read_subset(schema));

  RoleReader reader(schema);
  TRIBUTARY_ASSIGN(const json* const roles, reader.roles());
  TRIBUTARY_ASSIGN(auto key, reader.key(*roles));
  TRIBUTARY_ASSIGN(const auto time, reader.time(*roles));
  TRIBUTARY_ASSIGN(const auto partition,
                   reader.optional_scalar(*roles, "partition_by", key.front()));
  TRIBUTARY_ASSIGN(const auto series, reader.optional_scalar(*roles, "series", SchemaField{}));
  TRIBUTARY_TRY(reader.check_reserved(time.name + "_ns"));
  TRIBUTARY_ASSIGN(auto validation, Validation::compile(std::move(subset.for_valijson)));

  Schema::Compiled compiled{
      .name = std::string(name),
      .id = id_of(name, schema),
      .text = std::string(text),
      .key = {},
      .time = time.name,
      .time_ns = time.name + "_ns",
      .partition_by = partition.name,
      .series = series.name,
      .fields = std::move(reader).fields(),
      .validation = std::move(validation),
      .checks = std::move(subset.checks),
      .key_fields = std::move(key),
      .partition_field = partition,
  };
  for (const auto& field : compiled.key_fields) compiled.key.push_back(field.name);
  return compiled;
}

}  // namespace

bool is_reserved_name(std::string_view name, std::string_view time_ns) {
  return name == "_id" || name == time_ns || name.starts_with("_tributary");
}

Result<Schema> Schema::parse(std::string_view name, std::string_view text) {
  auto compiled = compile(name, text);
  if (!compiled) {
    return std::unexpected(compiled.error().within("schema \"" + std::string(name) + "\""));
  }
  return Schema(std::make_shared<const Compiled>(std::move(*compiled)));
}

const std::string& Schema::name() const { return compiled_->name; }
const std::string& Schema::id() const { return compiled_->id; }
std::string_view Schema::text() const { return compiled_->text; }
const std::vector<std::string>& Schema::key() const { return compiled_->key; }
const std::string& Schema::time() const { return compiled_->time; }
const std::string& Schema::partition_by() const { return compiled_->partition_by; }
const std::string& Schema::series() const { return compiled_->series; }
std::span<const SchemaField> Schema::fields() const { return compiled_->fields; }
const SchemaField* Schema::field(std::string_view name) const {
  return find_field(compiled_->fields, name);
}
bool Schema::is_reserved(std::string_view name) const {
  return is_reserved_name(name, compiled_->time_ns);
}

}  // namespace tributary
