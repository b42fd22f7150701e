#include "shared/http/sha256.h"

#include <openssl/evp.h>

#include "shared/base/check.h"

namespace tributary {

Sha256 sha256(std::string_view bytes) {
  Sha256 hash{};
  CHECK(EVP_Digest(bytes.data(), bytes.size(), hash.data(), nullptr, EVP_sha256(), nullptr) == 1);
  return hash;
}

}  // namespace tributary
