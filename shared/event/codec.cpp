#include "shared/event/codec.h"

#include <xxhash.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "shared/base/check.h"
#include "shared/event/compiled_schema.h"
#include "shared/event/json.h"
#include "shared/event/key.h"

namespace tributary {
namespace {

using nlohmann::json;

ContentHash hash_of(std::string_view text) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(text.data(), text.size()));
  ContentHash hash{};
  static_assert(sizeof(canonical.digest) == sizeof(hash));
  std::ranges::transform(canonical.digest, hash.begin(),
                         [](unsigned char byte) { return std::byte{byte}; });
  return hash;
}

std::unexpected<Problem> refuse(std::string detail) {
  return std::unexpected(Problem{.pointer = "", .detail = std::move(detail)});
}

}  // namespace

Event::Event() = default;
Event::Event(Event&&) noexcept = default;
Event& Event::operator=(Event&&) noexcept = default;
Event::~Event() = default;

class Codec::Impl {
 public:
  explicit Impl(Schema schema) : schema_(std::move(schema)) {}

  [[nodiscard]] const Schema& schema() const { return schema_; }

  std::expected<Event, Problem> decode(std::string_view text, Checks::Scope scope) {
    auto document = read(text, scope);
    if (!document) return std::unexpected(std::move(document).error());
    Event event;
    event.json.reserve(text.size());
    append_canonical(*document, event.json);
    event.hash = hash_of(event.json);
    event.key = key_;
    event.time = time_;
    event.document = std::make_unique<const json>(std::move(*document));
    return event;
  }

  std::expected<std::string_view, Problem> validate(std::string_view text) {
    const auto document = read(text, Checks::Scope::everything);
    if (!document) return std::unexpected(document.error());
    const auto& value = document->at(schema_.partition_by());
    partition_.clear();
    if (const auto* string = value.get_ptr<const std::string*>()) {
      partition_ = *string;
    } else {
      append_canonical(value, partition_);
    }
    return partition_;
  }

 private:
  // The event in canonical form; its key is in `key_` then, its time in `time_`.
  std::expected<json, Problem> read(std::string_view text, Checks::Scope scope) {
    const auto& compiled = schema_.compiled();
    if (text.size() > kEventSizeMax) {
      return refuse("is " + std::to_string(text.size()) + " bytes: at most " +
                    std::to_string(kEventSizeMax));
    }
    auto document = parse_json(text, kNestingMax);
    if (!document) return document;
    if (!document->is_object()) {
      return refuse(wrong_kind(*document, "an object"));
    }
    if (auto problem = find_reserved_name(*document)) return std::unexpected(std::move(*problem));
    if (scope == Checks::Scope::everything) {
      if (auto problem = compiled.validation.check(*document)) {
        return std::unexpected(std::move(*problem));
      }
    }
    if (auto problem = compiled.checks.apply(*document, scope)) {
      return std::unexpected(std::move(*problem));
    }
    if (auto problem = read_time(*document)) return std::unexpected(std::move(*problem));
    if (auto problem = make_key(*document)) return std::unexpected(std::move(*problem));
    return document;
  }

  std::optional<Problem> find_reserved_name(const json& event) const {
    const auto& members = event.get_ref<const json::object_t&>();
    const auto& time_ns = schema_.compiled().time_ns;
    // The others start with "_", and stand together.
    auto reserved = members.find(time_ns);
    for (auto it = members.lower_bound("_"); reserved == members.end() && it != members.end();
         ++it) {
      if (!it->first.starts_with('_')) break;
      if (is_reserved_name(it->first, time_ns)) reserved = it;
    }
    if (reserved == members.end()) return std::nullopt;
    return within(reserved->first, Problem{.pointer = "", .detail = "is a reserved name"});
  }

  std::optional<Problem> read_time(const json& event) {
    const auto& name = schema_.time();
    const auto member = event.find(name);
    if (member == event.end()) return within(name, Problem{.pointer = "", .detail = "is missing"});
    const auto* text = member->get_ptr<const std::string*>();
    if (text == nullptr) {
      return within(name, Problem{.pointer = "", .detail = wrong_kind(*member, "a string")});
    }
    const auto time = Timestamp::parse(*text);
    CHECK(time.has_value());  // its format was checked
    time_ = *time;
    return std::nullopt;
  }

  std::optional<Problem> make_key(const json& event) {
    key_.clear();
    for (const auto& field : schema_.compiled().key_fields) {
      if (auto problem = append_key_field(event, field, key_)) return problem;
    }
    if (key_.size() <= kKeySizeMax) return std::nullopt;
    return Problem{.pointer = "",
                   .detail = "has a key of " + std::to_string(key_.size()) +
                             " bytes (CANONICAL.md): at most " + std::to_string(kKeySizeMax)};
  }

  Schema schema_;
  Timestamp time_;
  std::string key_;
  std::string partition_;
};

Codec::Codec(Schema schema) : impl_(std::make_unique<Impl>(std::move(schema))) {}
Codec::Codec(Codec&&) noexcept = default;
Codec& Codec::operator=(Codec&&) noexcept = default;
Codec::~Codec() = default;

std::expected<Event, Problem> Codec::decode(std::string_view json) {
  return impl_->decode(json, Checks::Scope::everything);
}

std::expected<Event, Problem> Codec::decode_validated(std::string_view json) {
  return impl_->decode(json, Checks::Scope::formats);
}

std::expected<std::string_view, Problem> Codec::validate(std::string_view json) {
  return impl_->validate(json);
}

const Schema& Codec::schema() const { return impl_->schema(); }

}  // namespace tributary
