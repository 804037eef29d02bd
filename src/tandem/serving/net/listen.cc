#include "tandem/serving/net/listen.h"

#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <system_error>

namespace tandem::net {

Status ListenError(const std::string& address, int port, int error_number) {
  const std::string where = StrCat("cannot listen on ", address, ":", port, ": ");
  switch (error_number) {
    case EADDRINUSE:
      return UnavailableError(where, "the port is in use; stop its owner or choose another");
    case EACCES:
      return PermissionDeniedError(where, "ports below 1024 are for root; choose another");
    case EADDRNOTAVAIL:
      return InvalidArgumentError(where, "this machine does not have the address");
    default:
      return UnavailableError(where, std::generic_category().message(error_number));
  }
}

Status CheckCanListen(const std::string& address, int port) {
  if (port < 0 || port > 65535) {
    return InvalidArgumentError("port ", port, " is not between 0 and 65535");
  }
  boost::system::error_code error;
  const auto ip = boost::asio::ip::make_address(address, error);
  if (error) {
    return InvalidArgumentError("'", address, "' is not a numeric address such as 0.0.0.0 or ::");
  }
  const boost::asio::ip::tcp::endpoint endpoint(ip, static_cast<uint16_t>(port));
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor acceptor(io);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(boost::asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(1, error);
  return error ? ListenError(address, port, error.value()) : Status();
}

}  // namespace tandem::net
