#include "shared/mqtt/resolver.h"

#include <netdb.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <system_error>
#include <thread>

#include "shared/base/mutex.h"

namespace tributary {
namespace {

Resolver::Addresses look_up(const std::string& host, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); code != 0) {
    return fail(errc::unavailable, host + ": " + ::gai_strerror(code));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  std::vector<std::string> addresses;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(each->ai_addr, each->ai_addrlen, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) == 0) {
      addresses.emplace_back(text.data());
    }
  }
  if (addresses.empty()) return fail(errc::unavailable, host + ": no address");
  return addresses;
}

}  // namespace

struct Resolver::Lookup {
  int ready = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  Mutex mutex;
  std::optional<Addresses> answer TRIBUTARY_GUARDED_BY(mutex);

  Lookup() = default;
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;
  ~Lookup() { ::close(ready); }

  void finish(Addresses addresses) {
    {
      const MutexLock lock(mutex);
      answer = std::move(addresses);
    }
    ::eventfd_write(ready, 1);
  }
};

void Resolver::start(const std::string& host) {
  lookup_ = std::make_shared<Lookup>();
  if (auto numeric = look_up(host, AI_NUMERICHOST); numeric) {
    lookup_->finish(std::move(numeric));
    return;
  }
  try {
    std::thread([lookup = lookup_, host] { lookup->finish(look_up(host, 0)); }).detach();
  } catch (const std::system_error& error) {
    lookup_->finish(std::unexpected(Error(error.code(), host + ": no thread for the lookup")));
  }
}

std::optional<Resolver::Addresses> Resolver::take() {
  if (!lookup_) return std::nullopt;
  std::optional<Addresses> answer;
  {
    const MutexLock lock(lookup_->mutex);
    answer = std::move(lookup_->answer);
  }
  if (answer) lookup_.reset();
  return answer;
}

int Resolver::fd() const { return lookup_ ? lookup_->ready : -1; }

}  // namespace tributary
