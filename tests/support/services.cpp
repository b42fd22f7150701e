#include "tests/support/services.h"

#include <sys/wait.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace tributary {
namespace {

// The last line that the command prints on standard output is the address.
std::string start(const std::string& service) {
  // Debian's Python: the one that Debian's packages belong to.
  const auto command = "/usr/bin/python3 -B '" TRIBUTARY_SERVICES "' start " + service;
  FILE* const output = ::popen(command.c_str(), "re");
  if (output == nullptr) throw std::runtime_error("can't run: " + command);
  std::string text;
  std::array<char, 256> part{};
  while (std::fgets(part.data(), part.size(), output) != nullptr) text += part.data();
  const int status = ::pclose(output);
  while (text.ends_with('\n')) text.pop_back();
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || text.empty()) {
    throw std::runtime_error("there is no " + service +
                             " for the tests: see what this says: " + command);
  }
  return text.substr(text.rfind('\n') + 1);
}

std::string address(const char* variable, const std::string& service) {
  const char* const given = std::getenv(variable);
  return given != nullptr && *given != '\0' ? given : start(service);
}

}  // namespace

std::string kafka_address() {
  static const auto value = address("TRIBUTARY_TEST_KAFKA", "kafka");
  return value;
}

std::string mongodb_address() {
  static const auto value = address("TRIBUTARY_TEST_MONGODB", "mongodb");
  return value;
}

std::string postgresql_address() {
  static const auto value = address("TRIBUTARY_TEST_POSTGRESQL", "postgresql");
  return value;
}

std::uint16_t port_of(std::string_view address) {
  const auto digits = address.substr(address.rfind(':') + 1);
  std::uint16_t port = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return port;
}

}  // namespace tributary
