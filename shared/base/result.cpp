#include "shared/base/result.h"

#include <cerrno>

namespace tributary {
namespace {

class Category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "tributary"; }
  [[nodiscard]] std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::invalid_argument:
        return "invalid";
      case errc::too_large:
        return "too large";
      case errc::log_full:
        return "log full";
      case errc::log_locked:
        return "log in use by another process";
      case errc::unknown_version:
        return "unknown version";
      case errc::corrupt:
        return "corrupt";
      case errc::window_full:
        return "window full";
      case errc::queue_full:
        return "queue full";
      case errc::not_connected:
        return "not connected";
      case errc::refused:
        return "refused";
      case errc::timed_out:
        return "timed out";
      case errc::stopped:
        return "stopped";
      case errc::not_found:
        return "not found";
      case errc::unavailable:
        return "unavailable";
      case errc::unsupported:
        return "unsupported";
    }
    return "unknown error";
  }
};

const Category& category() {
  static const Category instance;
  return instance;
}

}  // namespace

std::error_code make_error_code(errc code) { return {static_cast<int>(code), category()}; }

std::string Error::message() const {
  if (code_.category() == category()) return context_;
  return context_ + ": " + code_.message();
}

Error Error::within(std::string_view outer) const {
  return {code_, std::string(outer) + ": " + context_};
}

std::unexpected<Error> fail_errno(std::string context) {
  return std::unexpected(
      Error(std::error_code(errno, std::generic_category()), std::move(context)));
}

}  // namespace tributary
