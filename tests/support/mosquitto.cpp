#include "tests/support/mosquitto.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace tributary {
namespace {

using namespace std::chrono_literals;

constexpr auto kStartLimit = 10s;

sockaddr_in local(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

int tcp_socket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw std::runtime_error("no socket");
  return fd;
}

bool accepts(std::uint16_t port) {
  const int fd = tcp_socket();
  const auto address = local(port);
  const bool connected =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return connected;
}

std::string program() {
  for (const char* path : {"/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"}) {
    if (::access(path, X_OK) == 0) return path;
  }
  return "mosquitto";
}

std::string replaced(std::string text, std::string_view what, const std::string& by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
  return text;
}

}  // namespace

std::uint16_t free_port() {
  const int fd = tcp_socket();
  auto address = local(0);
  socklen_t size = sizeof address;
  const bool bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(fd);
  if (!bound) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

Mosquitto::Mosquitto(std::vector<std::string> configuration,
                     const std::vector<std::pair<std::string, std::string>>& files)
    : configuration_(std::move(configuration)) {
  auto pattern = (std::filesystem::temp_directory_path() / "tributary-mosquitto-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp " + pattern);
  directory_ = pattern;
  for (const auto& [name, content] : files) {
    std::ofstream(directory_ / name) << content;
    std::filesystem::permissions(directory_ / name, std::filesystem::perms::owner_read |
                                                        std::filesystem::perms::owner_write);
  }
  // Somebody else may take the port between free_port() and the broker's bind().
  for (int attempt = 0; attempt < 5; ++attempt) {
    port_ = free_port();
    write_configuration();
    spawn();
    if (wait_until_it_answers()) return;
    end(SIGKILL);
  }
  const auto said = log();
  std::filesystem::remove_all(directory_);
  throw std::runtime_error("mosquitto doesn't start: " + said);
}

Mosquitto::~Mosquitto() {
  end(SIGKILL);
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void Mosquitto::write_configuration() {
  const auto configures = [&](std::string_view option) {
    return std::ranges::any_of(configuration_,
                               [&](const auto& line) { return line.starts_with(option); });
  };
  std::ofstream file(directory_ / "mosquitto.conf");
  // As root it would become the user "mosquitto", who can't read the directory.
  if (::geteuid() == 0) file << "user root\n";
  file << "log_dest stderr\nlog_type all\n";
  if (!configures("persistence")) file << "persistence false\n";
  if (!configures("max_queued_messages")) file << "max_queued_messages 0\n";
  if (!configures("listener")) file << "listener " << port_ << " 127.0.0.1\n";
  if (!configures("allow_anonymous")) file << "allow_anonymous true\n";
  for (const auto& line : configuration_) {
    file << replaced(replaced(line, "{directory}", directory_.string()), "{port}",
                     std::to_string(port_))
         << "\n";
  }
}

void Mosquitto::spawn() {
  const auto path = program();
  const auto configuration = (directory_ / "mosquitto.conf").string();
  const auto log_file = (directory_ / "mosquitto.log").string();
  const pid_t parent = ::getpid();
  process_ = ::fork();
  if (process_ < 0) throw std::runtime_error("fork");
  if (process_ > 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  const int log = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (log < 0 || ::dup2(log, STDOUT_FILENO) < 0 || ::dup2(log, STDERR_FILENO) < 0) ::_exit(127);
  ::execlp(path.c_str(), path.c_str(), "-c", configuration.c_str(), static_cast<char*>(nullptr));
  ::_exit(127);
}

bool Mosquitto::wait_until_it_answers() {
  const auto deadline = std::chrono::steady_clock::now() + kStartLimit;
  while (std::chrono::steady_clock::now() < deadline) {
    if (::waitpid(process_, nullptr, WNOHANG) == process_) {
      process_ = -1;
      return false;
    }
    if (accepts(port_)) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

void Mosquitto::start() {
  end(SIGTERM);
  spawn();
  if (!wait_until_it_answers()) throw std::runtime_error("mosquitto doesn't start again: " + log());
}

void Mosquitto::kill() { end(SIGKILL); }
void Mosquitto::stop() { end(SIGTERM); }

void Mosquitto::end(int signal) {
  if (process_ < 0) return;
  ::kill(process_, signal);
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
}

std::string Mosquitto::log() const {
  std::ostringstream text;
  text << std::ifstream(directory_ / "mosquitto.log").rdbuf();
  return text.str();
}

}  // namespace tributary

// libmosquitto 2.0.11 unlocks a mutex that it hasn't locked when the broker sends a DISCONNECT
// (do_client_disconnect).
#ifdef __SANITIZE_THREAD__
extern "C" const char* __tsan_default_suppressions() { return "mutex:libmosquitto.so\n"; }
#endif
