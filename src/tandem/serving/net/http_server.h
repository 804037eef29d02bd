// An HTTP/1.1 server: keep-alive, pipelining, bounded in header, body, time and connections, and
// a drain that finishes what is in flight. Boost.Asio and Beast's parser inside.
//
// Each thread runs an event loop of its own and a connection stays on its thread; requests of one
// connection are answered one after the other. The server answers by itself, as JSON: 400 for
// what is not HTTP, 413 and 431 over the limits, 503 over max_connections or where too much is held
// of unfinished requests, 505; a client that is slow is cut. HEAD gets the answer's header without
// its body. Thread-safe. Responders may outlive the server; their answers then go nowhere.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tandem/base/status.h"
#include "tandem/serving/net/http.h"

namespace tandem::net {

struct HttpServerOptions {
  std::string address = "0.0.0.0";  // numeric
  int port = 0;                     // 0: any free one, see port()
  int threads = 1;
  uint32_t max_header_bytes = 8 * 1024;
  size_t max_header_fields = 64;
  // Bodies are held in memory before it is known who takes them: as much for each connection.
  uint64_t max_body_bytes = 16 * 1024;
  size_t max_connections = 10'000;
  // Of memory for requests that are not complete, over all connections: the bytes read, and 96 for
  // each field of a header. Beyond it, those that hold over 2 KiB get 503.
  size_t max_unfinished_bytes = 16 * 1024 * 1024;
  // From a request's first byte to its last.
  std::chrono::milliseconds request_timeout = std::chrono::seconds(10);
  // Between two requests of a connection.
  std::chrono::milliseconds idle_timeout = std::chrono::seconds(60);
  std::chrono::milliseconds write_timeout = std::chrono::seconds(10);
  // Told of each answer that the server makes by itself, those for a handler that threw among
  // them; may be empty.
  std::function<void(const HttpResponse& response)> on_refused;
};

class HttpServer {
 public:
  // Listens and serves when it returns. kUnavailable where the port is taken, kInvalidArgument
  // for an address or a limit that is none.
  static Result<std::unique_ptr<HttpServer>> Start(const HttpServerOptions& options,
                                                   HttpHandler handler);
  // Cuts what is still in flight.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const { return port_; }

  // From now on every answer says "Connection: close", and new connections are still taken: clients
  // that keep theirs go elsewhere by themselves, before a drain would close them in their face.
  void AnnounceShutdown();

  // Takes no new connections, closes idle ones, answers what is in flight with
  // "Connection: close", and ends the threads. kDeadlineExceeded, with how many connections were
  // cut, where that took longer than `timeout`.
  Status Drain(std::chrono::milliseconds timeout);

 private:
  class Core;
  class Session;

  explicit HttpServer(std::shared_ptr<Core> core);

  std::shared_ptr<Core> core_;
  int port_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace tandem::net
