// Real sockets on loopback, raw bytes.
#include "tandem/serving/net/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <optional>
#include <thread>

#include "tandem/serving/net/router.h"
#include "tandem/serving/net/testing/http_client.h"

namespace tandem::net {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Client = net::testing::HttpClient;

class HttpServerTest : public ::testing::Test {
 protected:
  void Start(HttpServerOptions options = {}) {
    options.address = "127.0.0.1";
    router_.Add("GET", "/hello/{name}", [](const HttpRequest& request, const HttpResponder& send) {
      const std::string* n = request.Query("n");
      send({200, "text/plain", *request.Param("name") + (n == nullptr ? "" : *n), {}});
    });
    router_.Add("POST", "/echo", [](const HttpRequest& request, const HttpResponder& send) {
      send({200, "text/plain", request.body, {}});
    });
    router_.Add("GET", "/later",
                [this](const HttpRequest&, const HttpResponder& send) { later_.set_value(send); });
    router_.Add("GET", "/dropped", [](const HttpRequest&, const HttpResponder&) {});
    auto server =
        HttpServer::Start(options, [this](HttpRequest request, const HttpResponder& send) {
          router_.Handle(std::move(request), send);
        });
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = std::move(server).value();
  }
  std::string Ask(const std::string& bytes) {
    Client client(server_->port());
    client.Send(bytes);
    return client.Receive();
  }
  Router router_;
  std::promise<HttpResponder> later_;
  std::unique_ptr<HttpServer> server_;
};

constexpr char kHost[] = " HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(HttpServerTest, ParametersAreDecodedAndASlashInAnIdIsNoSeparator) {
  Start();
  const std::string answer = Ask(StrCat("GET /hello/a%2Fb%20c?n=1+2%26", kHost));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\na/b c1 2&"));
}

TEST_F(HttpServerTest, ARequestMayComeByteByByte) {
  Start();
  Client client(server_->port());
  for (const char c :
       std::string("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")) {
    client.Send(std::string(1, c));
  }
  EXPECT_THAT(client.Receive(), HasSubstr("\r\n\r\nabc"));
}

TEST_F(HttpServerTest, AThousandRequestsUseOneConnectionAndPipelinedOnesKeepTheirOrder) {
  Start({.threads = 2});
  Client client(server_->port());
  for (int i = 0; i < 1000; ++i) {
    client.Send(StrCat("GET /hello/", i, kHost));
    ASSERT_THAT(client.Receive(), HasSubstr(StrCat("\r\n\r\n", i)));
  }
  std::string many;
  for (int i = 0; i < 100; ++i) many += StrCat("GET /hello/", i, kHost);
  client.Send(many);
  for (int i = 0; i < 100; ++i) ASSERT_THAT(client.Receive(), HasSubstr(StrCat("\r\n\r\n", i)));
}

TEST_F(HttpServerTest, UnknownPathsAndMethodsAreJsonErrors) {
  Start();
  EXPECT_THAT(Ask(StrCat("GET /none", kHost)), HasSubstr("{\"error\":{\"code\":404,"));
  const std::string answer = Ask(StrCat("DELETE /hello/a", kHost));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(answer, HasSubstr("Allow: GET, HEAD\r\n"));
  EXPECT_THAT(Ask(StrCat("GET /hello/%zz", kHost)), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Ask(StrCat("GET /dropped", kHost)), StartsWith("HTTP/1.1 500 "));
}

TEST_F(HttpServerTest, HeadHasTheLengthButNotTheBody) {
  Start();
  Client client(server_->port());
  client.Send(StrCat("HEAD /hello/abc", kHost, "GET /hello/d", kHost));
  EXPECT_THAT(client.Receive(true), HasSubstr("Content-Length: 3\r\n"));
  EXPECT_THAT(client.Receive(), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(HttpServerTest, WhatIsTooLongOrNotHttpIsRefusedAndTheConnectionClosed) {
  Start();
  EXPECT_THAT(Ask(StrCat("GET /", std::string(9000, 'a'), kHost)), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Ask("hello\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Ask("GET /hello/a HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  Client client(server_->port());
  client.Send("\x16\x03\x01 not http\r\n\r\n");
  EXPECT_THAT(client.Receive(), HasSubstr("Connection: close"));
  EXPECT_TRUE(client.Closed());
}

// No byte of these bodies is sent: the answer does not wait for them.
TEST_F(HttpServerTest, ABodyOverTheLimitIsRefusedBeforeItIsRead) {
  Start();
  constexpr char kTooLong[] = "the body is over 16384 bytes";
  EXPECT_THAT(Ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 16385\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 413 "), HasSubstr(kTooLong)));
  EXPECT_THAT(Ask("GET /hello/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  // 0x4001 = 16385.
  EXPECT_THAT(Ask("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4001\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(Ask(StrCat("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 16384\r\n\r\n",
                         std::string(16384, 'b'))),
              AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("\r\n\r\nbbb")));
}

TEST_F(HttpServerTest, WhatUnfinishedRequestsHoldIsBoundedOverAllConnectionsButForSmallOnes) {
  Start({.max_unfinished_bytes = 20'000});
  const std::string large = StrCat(
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n", std::string(9000, 'b'));
  Client first(server_->port());
  Client second(server_->port());
  first.Send(large);
  second.Send(large);
  // Both are read, 18 kB, when these have their answers.
  for (int i = 0; i < 50; ++i) Ask(StrCat("GET /hello/a", kHost));
  Client third(server_->port());
  third.Send(large);
  EXPECT_THAT(third.Receive(), AllOf(StartsWith("HTTP/1.1 503 "),
                                     HasSubstr("too many large requests; try again later")));
  EXPECT_THAT(Ask(StrCat("GET /hello/a", kHost)), StartsWith("HTTP/1.1 200 "));
  first.Send(std::string(1000, 'b'));
  second.Send(std::string(1000, 'b'));
  EXPECT_THAT(first.Receive(), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(second.Receive(), StartsWith("HTTP/1.1 200 "));
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(Ask(large + std::string(1000, 'b')), StartsWith("HTTP/1.1 200 "))
        << "all is let go";
  }
}

// A field of three bytes is a node of a hundred in memory.
TEST_F(HttpServerTest, FieldsOfAHeaderAreBoundedAndCountAsMemory) {
  Start({.max_unfinished_bytes = 12'000});
  // With these two fields, no byte of the body.
  const auto header = [](int fields) {
    std::string bytes = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n";
    for (int i = 0; i < fields; ++i) bytes += "a:\r\n";
    return bytes + "\r\n";
  };
  EXPECT_THAT(Ask(header(300)),
              AllOf(StartsWith("HTTP/1.1 431 "), HasSubstr("the header has over 64 fields")));
  EXPECT_THAT(Ask(header(300) + "b"), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Ask(header(63) + "b"), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Ask(header(62) + "b"), StartsWith("HTTP/1.1 200 "));
  Client first(server_->port());
  first.Send(header(62));
  // It is read, 6.4 kB, when these have their answers.
  for (int i = 0; i < 50; ++i) Ask(StrCat("GET /hello/a", kHost));
  EXPECT_THAT(Ask(header(62)), StartsWith("HTTP/1.1 503 "));
  first.Send("b");
  EXPECT_THAT(first.Receive(), StartsWith("HTTP/1.1 200 "));
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(Ask(header(62) + "b"), StartsWith("HTTP/1.1 200 ")) << "all is let go";
  }
}

TEST_F(HttpServerTest, ASlowHeaderIsCutAndSoIsAnIdleConnection) {
  Start({.request_timeout = std::chrono::milliseconds(30),
         .idle_timeout = std::chrono::milliseconds(30)});
  Client slow(server_->port());
  slow.Send("GET /hel");
  EXPECT_TRUE(slow.Closed());
  EXPECT_TRUE(Client(server_->port()).Closed());
}

TEST_F(HttpServerTest, OverTheLimitOfConnectionsTheAnswerIs503) {
  Start({.max_connections = 1});
  Client first(server_->port());
  first.Send(StrCat("GET /hello/a", kHost));
  EXPECT_THAT(first.Receive(), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Ask(""), StartsWith("HTTP/1.1 503 "));
}

TEST_F(HttpServerTest, AnAnnouncedShutdownAsksClientsToLeaveAndTakesNewOnes) {
  Start();
  Client kept(server_->port());
  kept.Send(StrCat("GET /hello/a", kHost));
  EXPECT_THAT(kept.Receive(), HasSubstr("keep-alive"));
  server_->AnnounceShutdown();
  kept.Send(StrCat("GET /hello/b", kHost));
  EXPECT_THAT(kept.Receive(),
              AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Connection: close\r\n")));
  EXPECT_TRUE(kept.Closed());
  Client late(server_->port());
  late.Send(StrCat("GET /hello/c", kHost));
  EXPECT_THAT(late.Receive(),
              AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Connection: close\r\n")));
  EXPECT_TRUE(late.Closed());
}

TEST_F(HttpServerTest, ADrainFinishesWhatIsInFlightAndClosesIdleConnections) {
  Start();
  Client idle(server_->port());
  idle.Send(StrCat("GET /hello/a", kHost));
  EXPECT_THAT(idle.Receive(), HasSubstr("keep-alive"));
  Client busy(server_->port());
  busy.Send(StrCat("GET /later", kHost));
  const HttpResponder send = later_.get_future().get();
  auto drained =
      std::async(std::launch::async, [this] { return server_->Drain(std::chrono::seconds(20)); });
  EXPECT_TRUE(idle.Closed());
  send({200, "text/plain", "done", {}});
  const std::string answer = busy.Receive();
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\ndone"));
  EXPECT_TRUE(busy.Closed());
  EXPECT_TRUE(drained.get().ok());
}

TEST_F(HttpServerTest, ADrainThatTakesTooLongCutsAndALateAnswerGoesNowhere) {
  Start();
  Client busy(server_->port());
  busy.Send(StrCat("GET /later", kHost));
  const HttpResponder send = later_.get_future().get();
  EXPECT_EQ(server_->Drain(std::chrono::milliseconds(10)).code(), StatusCode::kDeadlineExceeded);
  server_.reset();
  send({});
  EXPECT_TRUE(busy.Closed());
}

TEST_F(HttpServerTest, APortInUseIsAClearError) {
  Start();
  const auto second = HttpServer::Start({.address = "127.0.0.1", .port = server_->port()},
                                        [](const HttpRequest&, const HttpResponder&) {});
  EXPECT_EQ(second.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(second.status().message(), HasSubstr("the port is in use"));
}

}  // namespace
}  // namespace tandem::net
