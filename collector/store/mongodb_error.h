#pragma once

#include <mongoc/mongoc.h>

#include <cstdint>

namespace tributary::collector {

// Codes of the server (src/mongo/base/error_codes.yml of MongoDB) that are told apart.
inline constexpr std::uint32_t kBadValue = 2;
inline constexpr std::uint32_t kMaxTimeExpired = 50;
inline constexpr std::uint32_t kDuplicateKey = 11'000;

// A user that isn't known, or may not do this.
bool is_refused_user(const bson_error_t& error);
// A failure that is the document's own, whatever the state of the server: it comes back however
// often one tries.
bool is_of_the_document(std::uint32_t code);
// A failure of the server's state: no document is to blame. Neither this nor the above: nobody
// knows.
bool is_of_the_server(std::uint32_t code);
// As is_of_the_document(), of a command with several documents that was refused as a whole.
bool is_of_a_document(const bson_error_t& error);

}  // namespace tributary::collector
