#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace tributary::test {

struct Reply {
  int status = 0;                              // 0: the connection ended before a status line
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  bool whole = false;  // the body had its length, or its last chunk
};

// A blocking connection that does just what a test says. Everything gives up after ten seconds.
class Client {
 public:
  explicit Client(const std::string& address);  // "127.0.0.1:1234"
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // False when the server has closed.
  bool send(std::string_view bytes);
  // The next bytes, at most `most`; empty at the end of the connection.
  std::string receive(std::size_t most = 65536);
  // The next answer. `head`: to a HEAD request, which has no body.
  Reply reply(bool head = false);
  Reply request(std::string_view text) { return send(text) ? reply() : Reply{}; }
  // True once the server has closed or reset the connection; what it still sent is dropped.
  bool closed_by_server();
  void end_sending();
  void close();
  void shrink_receive_buffer();

 private:
  std::optional<std::string> line();
  bool fill();
  bool take(std::size_t length, std::string& to);

  int fd_ = -1;
  std::string buffer_;
};

}  // namespace tributary::test
