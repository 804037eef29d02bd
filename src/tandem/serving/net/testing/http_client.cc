#include "tandem/serving/net/testing/http_client.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

namespace tandem::net::testing {

using boost::asio::ip::tcp;

struct HttpClient::Connection {
  boost::asio::io_context io;
  tcp::socket socket{io};
  std::string in;
};

HttpClient::HttpClient(int port) : connection_(std::make_unique<Connection>()) {
  boost::system::error_code error;
  connection_->socket.connect(
      {boost::asio::ip::address_v4::loopback(), static_cast<uint16_t>(port)}, error);
}

HttpClient::~HttpClient() = default;

void HttpClient::Send(const std::string& bytes) {
  boost::system::error_code error;
  boost::asio::write(connection_->socket, boost::asio::buffer(bytes), error);
}

std::string HttpClient::Receive(bool head) {
  boost::system::error_code error;
  std::string& in = connection_->in;
  const auto buffer = boost::asio::dynamic_buffer(in);
  const size_t header = boost::asio::read_until(connection_->socket, buffer, "\r\n\r\n", error);
  if (error) return "closed";
  const size_t at = in.find("Content-Length: ");
  const size_t body = head ? 0 : std::stoul(in.substr(at + 16));
  if (in.size() < header + body) {
    boost::asio::read(connection_->socket, buffer,
                      boost::asio::transfer_exactly(header + body - in.size()), error);
  }
  const std::string answer = in.substr(0, header + body);
  in.erase(0, header + body);
  return answer;
}

std::string HttpClient::Get(const std::string& target) {
  Send("GET " + target + " HTTP/1.1\r\nHost: test\r\n\r\n");
  return Receive();
}

bool HttpClient::Closed() { return connection_->in.empty() && Receive() == "closed"; }

std::string BodyOf(const std::string& answer) {
  const size_t header = answer.find("\r\n\r\n");
  return header == std::string::npos ? "" : answer.substr(header + 4);
}

}  // namespace tandem::net::testing
