#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <string>

#include "tandem/cli/verbs.h"

namespace tandem::cli {
namespace {

using Stream = boost::asio::ip::tcp::iostream;

constexpr size_t kMaxAnswer = 1 << 16;

// The whole answer of GET /readyz: the server closes after it, as HTTP 1.0 has it.
std::string Ask(Stream& stream, const std::string& host) {
  stream << "GET /readyz HTTP/1.0\r\nHost: " << host << "\r\n\r\n" << std::flush;
  std::string answer(kMaxAnswer, '\0');
  stream.read(answer.data(), static_cast<std::streamsize>(answer.size()));
  answer.resize(static_cast<size_t>(stream.gcount()));
  return answer;
}

}  // namespace

Status Health(const HealthOptions& options, std::ostream& out) {
  const size_t colon = options.address.rfind(':');
  if (colon == std::string::npos) {
    return InvalidArgumentError("'", options.address, "' has no port; expected HOST:PORT");
  }
  const std::string host = options.address.substr(0, colon);
  Stream stream;
  stream.expires_after(std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::duration<double>(options.timeout_seconds)));
  stream.connect(host, options.address.substr(colon + 1));
  const std::string answer = stream ? Ask(stream, host) : "";

  const size_t end_of_header = answer.find("\r\n\r\n");
  if (answer.compare(0, 7, "HTTP/1.") != 0 || end_of_header == std::string::npos) {
    return UnavailableError(options.address, " does not answer GET /readyz: ",
                            answer.empty() ? stream.error().message() : "it is no HTTP server");
  }
  std::string body = answer.substr(end_of_header + 4);
  while (!body.empty() && body.back() == '\n') body.pop_back();
  if (answer.compare(8, 5, " 200 ") != 0) {
    return UnavailableError(options.address, " is not ready: ", body);
  }
  out << body << '\n';
  return {};
}

}  // namespace tandem::cli
