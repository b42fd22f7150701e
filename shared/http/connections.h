#pragma once

// Internal to shared/http: Asio comes with it.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "shared/http/server.h"
#include "shared/http/socket.h"

namespace tributary::http {

// One whole request. `number` is its name among those that wait for their answers.
struct Arrived {
  std::uint64_t number = 0;
  std::string method;
  std::string target;
  std::string client;  // its address
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool chunks_understood = true;  // the client speaks HTTP/1.1
  bool keep_alive = true;
  BodyClaim claim;  // to be kept as long as the body
};

// What follows the bytes written.
enum class Then {
  more,        // of the same answer
  keep_alive,  // the next request
  close,       // the end of the connection
  reset,       // the end, visibly before its time
};

// HTTP on the connections that the server has accepted: RESTinio's parser, its timeouts and its
// output queue. A request waits for its answer with the connection's reading stopped; so a client
// that half-closes gets its answer, and what it sends ahead waits in the kernel.
class Connections {
 public:
  // Both are called on an I/O thread, and must return at once. `unknown_method` answers, before the
  // connection ends, a request whose method the parser doesn't know: method and target.
  using UnknownMethod = std::function<HttpResponse(std::string_view, std::string_view)>;
  Connections(asio::io_context& context, const HttpServerOptions& options,
              std::function<void(Arrived)> arrived, UnknownMethod unknown_method);
  ~Connections();

  // I/O threads only.
  void start(Socket socket, const asio::ip::tcp::endpoint& peer);

  // Any thread. Adds `head` and `body` to the answer of a request; `done` is called once, with
  // whether they were written: on an I/O thread, or in here when the connection is gone.
  void write(std::uint64_t number, std::string head, std::string body, Then then,
             std::function<void(bool)> done = {});

  // Any thread. From now on, until its answer, it is noticed when the client of a request closes.
  // One that only says that it sends no more can't be told from one that is gone.
  void watch(std::uint64_t number);
  [[nodiscard]] bool has_left(std::uint64_t number);

  // Any thread. Ends the connection of a request at once, whatever is not written yet.
  void cut(std::uint64_t number);

  // From now on every answer ends its connection.
  void drain() { draining_ = true; }
  [[nodiscard]] bool draining() const { return draining_; }
  // The answer to this request has no end of its own: nobody waits for it.
  void mark_endless(std::uint64_t number);
  // Waits until every other request has its answer; false when time is over.
  bool wait_until_answered(std::chrono::milliseconds time);
  // Lets go of all connections, for good. Once no I/O thread runs any more.
  void close();

 private:
  struct Engine;
  struct Waiting;

  // Does something with the connection of a request where it may be done.
  template <class Work>
  void post(std::uint64_t number, Work work);

  std::shared_ptr<Waiting> waiting_;
  std::unique_ptr<Engine> engine_;
  std::atomic<bool> draining_{false};
};

// The whole of an answer that ends its connection.
std::string whole_response(const HttpResponse& response);
// Status line and fields, with the empty line. `length_fields`: "Content-Length: …\r\n" or the
// like.
std::string response_head(const HttpResponse& response, std::string_view length_fields,
                          bool keep_alive, bool chunks_understood);

}  // namespace tributary::http
