// Says why a port cannot be listened on, before a server library says it in its own words.
#pragma once

#include <string>

#include "tandem/base/status.h"

namespace tandem::net {

// Binds and lets go. `address` is a numeric IPv4 or IPv6 one. kInvalidArgument for an address or
// port that is none; kUnavailable where the port is taken; kPermissionDenied.
Status CheckCanListen(const std::string& address, int port);

// What errno says of listening on address:port.
Status ListenError(const std::string& address, int port, int error_number);

}  // namespace tandem::net
