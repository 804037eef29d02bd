// One connection to an HTTP server on loopback that sends raw bytes, well-formed or not, for
// tests. Blocking; for one thread.
#pragma once

#include <memory>
#include <string>

namespace tandem::net::testing {

class HttpClient {
 public:
  // A client that cannot connect finds itself closed.
  explicit HttpClient(int port);
  ~HttpClient();

  void Send(const std::string& bytes);
  // Header and body of the next answer, "closed" where there is none. With `head`, the answer is
  // one to HEAD, which has no body.
  std::string Receive(bool head = false);
  // Sends GET for the target and receives the answer.
  std::string Get(const std::string& target);
  bool Closed();

 private:
  struct Connection;
  const std::unique_ptr<Connection> connection_;
};

// What stands after the header of an answer.
std::string BodyOf(const std::string& answer);

}  // namespace tandem::net::testing
