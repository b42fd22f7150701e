// An HTTP server by RESTinio that does nothing: what POST /ingest is measured against. Answers 202
// on 127.0.0.1 with one thread, as the collector has by default. Ends by itself. Usage: bare_http
// PORT SECONDS

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <restinio/http_server.hpp>
#include <string>

namespace {

struct Traits
    : restinio::single_thread_traits_t<restinio::asio_timer_manager_t, restinio::null_logger_t> {};

restinio::request_handling_status_t answer(const restinio::request_handle_t& request) {
  auto response = request->create_response(restinio::status_accepted());
  response.append_header(restinio::http_field::content_type, "application/json");
  response.append_header_date_field();
  response.set_body(std::string(R"({"accepted":1})"));
  return response.done();
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return 2;
  const auto port = static_cast<std::uint16_t>(std::atoi(arguments[1]));
  const std::chrono::seconds time(std::atoi(arguments[2]));
  restinio::asio_ns::io_context context;
  restinio::asio_ns::steady_timer end(context, time);
  end.async_wait([&context](const auto& /*error*/) { context.stop(); });
  restinio::http_server_t<Traits> server(
      restinio::external_io_context(context), [&](auto& settings) {
        settings.port(port).address("127.0.0.1").request_handler(answer);
        settings.max_pipelined_requests(16);
        settings.buffer_size(16U << 10);
      });
  server.open_sync();
  context.run();
}
