#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace tributary {

// A real Mosquitto on a free port of 127.0.0.1 with a temporary directory, for as long as this
// object lives; it also dies with the thread that made it. Nothing is persistent, no queue is
// bounded and anonymous clients are allowed, unless the extra lines of configuration say otherwise.
// Belongs to one thread. Throws std::runtime_error, with the broker's log, when it doesn't start.
class Mosquitto {
 public:
  // `configuration`: lines that follow those of the listener. {directory} in them stands for
  // directory(), where files() were written.
  explicit Mosquitto(std::vector<std::string> configuration = {},
                     const std::vector<std::pair<std::string, std::string>>& files = {});
  ~Mosquitto();
  Mosquitto(const Mosquitto&) = delete;
  Mosquitto& operator=(const Mosquitto&) = delete;

  // Starts it again, on the same port, and waits until it accepts connections.
  void start();
  // kill -9: it says no good-bye to anyone.
  void kill();
  // SIGTERM, and waits for its end.
  void stop();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const { return "mqtt://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  [[nodiscard]] std::string log() const;

 private:
  void write_configuration();
  void spawn();
  bool wait_until_it_answers();
  void end(int signal);

  std::vector<std::string> configuration_;
  std::filesystem::path directory_;
  std::uint16_t port_ = 0;
  pid_t process_ = -1;
};

// A port of 127.0.0.1 that nobody listens on just now.
std::uint16_t free_port();

}  // namespace tributary
