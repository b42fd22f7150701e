#pragma once

// For the files of shared/mqtt only.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/result.h"

namespace tributary {

// Looks up the addresses of a host without blocking: a name goes to a thread of its own, since
// getaddrinfo() may take half a minute and can't be interrupted. Belongs to one thread. A lookup
// that is no longer wanted ends by itself in the background.
class Resolver {
 public:
  // The addresses in their numeric form, in the order in which they are to be tried;
  // errc::unavailable when the name has none.
  using Addresses = Result<std::vector<std::string>>;

  // Begins a lookup and forgets the last one.
  void start(const std::string& host);
  // The answer, once; nothing while the lookup is under way or when there is none.
  std::optional<Addresses> take();
  // Becomes readable when the answer is there; -1 when no lookup is under way.
  [[nodiscard]] int fd() const;

 private:
  struct Lookup;
  std::shared_ptr<Lookup> lookup_;
};

}  // namespace tributary
