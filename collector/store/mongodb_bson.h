#pragma once

#include <bson/bson.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tributary::collector {

// A BSON document that belongs to its scope.
class Bson {
 public:
  Bson() { bson_init(&document_); }
  ~Bson() { bson_destroy(&document_); }
  Bson(const Bson&) = delete;
  Bson& operator=(const Bson&) = delete;

  [[nodiscard]] bson_t* get() { return &document_; }
  [[nodiscard]] const bson_t* get() const { return &document_; }
  // Empty again, with the memory that it has.
  [[nodiscard]] bson_t* emptied() {
    bson_reinit(&document_);
    return &document_;
  }
  // For functions that take a document which isn't initialised, such as the reply to a command.
  [[nodiscard]] bson_t* replaced() {
    bson_destroy(&document_);
    return &document_;
  }

 private:
  bson_t document_;
};

// A document inside of another one, open for as long as this object lives; the outer one waits.
class BsonObject {
 public:
  BsonObject(bson_t* outer, std::string_view name) : outer_(outer) {
    bson_append_document_begin(outer, name.data(), static_cast<int>(name.size()), &document_);
  }
  ~BsonObject() { bson_append_document_end(outer_, &document_); }
  BsonObject(const BsonObject&) = delete;
  BsonObject& operator=(const BsonObject&) = delete;

  [[nodiscard]] bson_t* get() { return &document_; }

 private:
  bson_t* outer_;
  bson_t document_;
};

// The same for an array, whose elements have their numbers as names.
class BsonArray {
 public:
  BsonArray(bson_t* outer, std::string_view name) : outer_(outer) {
    bson_append_array_begin(outer, name.data(), static_cast<int>(name.size()), &array_);
  }
  ~BsonArray() { bson_append_array_end(outer_, &array_); }
  BsonArray(const BsonArray&) = delete;
  BsonArray& operator=(const BsonArray&) = delete;

  [[nodiscard]] bson_t* get() { return &array_; }
  // The name of the next element, valid until the next call.
  std::string_view next() {
    const char* name = nullptr;
    const auto size = bson_uint32_to_string(count_++, &name, digits_.data(), digits_.size());
    return {name, size};
  }

 private:
  bson_t array_;
  bson_t* outer_;
  std::uint32_t count_ = 0;
  std::array<char, 16> digits_{};
};

// Names hold no NUL. False when the document gets too large for BSON.
inline bool append_text(bson_t* to, std::string_view name, std::string_view text) {
  return bson_append_utf8(to, name.data(), static_cast<int>(name.size()), text.data(),
                          static_cast<int>(text.size()));
}
inline bool append_integer(bson_t* to, std::string_view name, std::int64_t value) {
  return bson_append_int64(to, name.data(), static_cast<int>(name.size()), value);
}
inline bool append_double(bson_t* to, std::string_view name, double value) {
  return bson_append_double(to, name.data(), static_cast<int>(name.size()), value);
}
inline bool append_null(bson_t* to, std::string_view name) {
  return bson_append_null(to, name.data(), static_cast<int>(name.size()));
}
inline bool append_bool(bson_t* to, std::string_view name, bool value) {
  return bson_append_bool(to, name.data(), static_cast<int>(name.size()), value);
}
inline bool append_document(bson_t* to, std::string_view name, const Bson& document) {
  return bson_append_document(to, name.data(), static_cast<int>(name.size()), document.get());
}

inline std::string_view name_of(const bson_iter_t& at) {
  return {bson_iter_key(&at), bson_iter_key_len(&at)};
}
inline std::string_view text_of(const bson_iter_t& at) {
  std::uint32_t size = 0;
  const char* const text = bson_iter_utf8(&at, &size);
  return text == nullptr ? std::string_view() : std::string_view(text, size);
}

// Relaxed extended JSON, for messages.
std::string to_text(const bson_t* document);

}  // namespace tributary::collector
