#include "shared/http/problem.h"

#include "shared/base/json_string.h"

namespace tributary {
HttpResponse problem(int status, std::string_view detail, const std::vector<ProblemEntry>& errors,
                     const std::vector<std::pair<std::string, std::string>>& extra) {
  HttpResponse response;
  response.status = status;
  response.content_type = "application/problem+json";
  std::string& body = response.body;
  body = R"({"type":"about:blank","title":)" + json_string(status_text(status)) +
         ",\"status\":" + std::to_string(status);
  if (!detail.empty()) body += ",\"detail\":" + json_string(detail);
  for (const auto& [name, json] : extra) body += ',' + json_string(name) + ':' + json;
  if (!errors.empty()) {
    body += ",\"errors\":";
    char separator = '[';
    for (const auto& entry : errors) {
      body += separator;
      body += "{\"index\":" + std::to_string(entry.index) +
              ",\"pointer\":" + json_string(entry.pointer) +
              ",\"detail\":" + json_string(entry.detail) + '}';
      separator = ',';
    }
    body += ']';
  }
  body += '}';
  return response;
}

HttpResponse unavailable(std::string_view detail, std::chrono::seconds retry_after) {
  auto response = problem(503, detail);
  response.headers.emplace_back("Retry-After", std::to_string(retry_after.count()));
  return response;
}

std::string_view status_text(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:  // nginx's, which logs know
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Status";
  }
}

}  // namespace tributary
