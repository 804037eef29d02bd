#include "tandem/serving/net/grpc_server.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <boost/asio.hpp>
#include <csignal>

#include "tandem/serving/net/listen.h"
#include "tandem/serving/net/signal.h"

namespace tandem::net {
namespace {

// grpc.health.v1.Health/Check without its stub: bytes in, bytes out.
std::string Check(int port, const std::string& service) {
  auto channel =
      grpc::CreateChannel(StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials());
  // HealthCheckRequest{service=1}: tag 0a, length.
  std::string request;
  if (!service.empty()) request = StrCat('\x0a', static_cast<char>(service.size()), service);
  const grpc::Slice slice(request);
  const grpc::ByteBuffer in(&slice, 1);
  grpc::ByteBuffer out;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  const grpc::internal::RpcMethod method("/grpc.health.v1.Health/Check",
                                         grpc::internal::RpcMethod::NORMAL_RPC);
  const grpc::Status status = grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
      channel.get(), method, &context, in, &out);
  if (!status.ok()) return StrCat("error ", static_cast<int>(status.error_code()));
  grpc::Slice answer;
  return out.DumpToSingleSlice(&answer).ok() ? std::string(answer.begin(), answer.end())
                                             : std::string("no bytes");
}

// HealthCheckResponse{status=1}: tag 08; SERVING 1, NOT_SERVING 2.
constexpr char kServing[] = "\x08\x01";
constexpr char kNotServing[] = "\x08\x02";

TEST(GrpcServerTest, HealthFollowsWhatIsSetAndAnAnnouncedShutdown) {
  const auto server = GrpcServer::Start({.address = "127.0.0.1"}, {}).value();
  EXPECT_EQ(Check(server->port(), ""), kServing);
  EXPECT_EQ(Check(server->port(), "a.B"), "error 5");  // NOT_FOUND
  server->SetServing("a.B", true);
  EXPECT_EQ(Check(server->port(), "a.B"), kServing);
  server->SetServing("a.B", false);
  EXPECT_EQ(Check(server->port(), "a.B"), kNotServing);
  server->SetServing("a.B", true);
  server->AnnounceShutdown();
  EXPECT_EQ(Check(server->port(), "a.B"), kNotServing);
  EXPECT_EQ(Check(server->port(), ""), kServing) << "it lives until the drain";
  server->SetServing("a.B", true);
  EXPECT_EQ(Check(server->port(), "a.B"), kNotServing) << "a version that comes too late";
  server->Drain(std::chrono::seconds(5));
  EXPECT_EQ(Check(server->port(), ""), "error 14");  // UNAVAILABLE
}

// A client that opened a connection and never looks at it again: it does not hear that the server
// ends.
TEST(GrpcServerTest, AConnectionThatNobodyReadsDoesNotHoldTheDrain) {
  const auto server = GrpcServer::Start({.address = "127.0.0.1"}, {}).value();
  boost::asio::io_context io;
  boost::asio::ip::tcp::socket client(io);
  client.connect(
      {boost::asio::ip::make_address("127.0.0.1"), static_cast<uint16_t>(server->port())});
  // HTTP/2's preface and empty SETTINGS: type 4, no flags, stream 0.
  const std::string hello("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
  boost::asio::write(client, boost::asio::buffer(hello));
  std::array<char, 9> settings{};
  boost::asio::read(client, boost::asio::buffer(settings));  // the server has it
  std::atomic<int> asked = 0;
  const auto begin = std::chrono::steady_clock::now();
  // A call is in flight for as long as this says so twice.
  server->Drain(std::chrono::minutes(10), [&asked] { return ++asked <= 2; });
  EXPECT_EQ(asked, 3);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::minutes(1));
}

TEST(GrpcServerTest, APortInUseIsAClearError) {
  const auto first = GrpcServer::Start({.address = "127.0.0.1"}, {}).value();
  const auto second = GrpcServer::Start({.address = "127.0.0.1", .port = first->port()}, {});
  EXPECT_EQ(second.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(second.status().message(), ::testing::HasSubstr("the port is in use"));
}

TEST(ListenTest, WhatIsNoAddressOrPortIsInvalid) {
  EXPECT_EQ(CheckCanListen("nowhere", 0).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(CheckCanListen("127.0.0.1", 65536).code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(CheckCanListen("127.0.0.1", 0).ok());
}

TEST(StopSignalsTest, ASignalThatComesEarlyWaits) {
  const StopSignals signals;
  EXPECT_EQ(signals.WaitFor(std::chrono::milliseconds(1)), std::nullopt);
  raise(SIGTERM);
  EXPECT_EQ(signals.Wait(), SIGTERM);
  raise(SIGINT);
  EXPECT_EQ(signals.WaitFor(std::chrono::seconds(5)), SIGINT);
}

}  // namespace
}  // namespace tandem::net
