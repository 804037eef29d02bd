#include "tandem/serving/net/http_server.h"

#include <atomic>
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <condition_variable>
#include <iterator>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <utility>

#include "tandem/serving/net/listen.h"

namespace tandem::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;

constexpr size_t kReadBytes = 2 * 1024;  // held by a connection that is idle, too
constexpr size_t kSmallRequest = 2 * 1024;
constexpr size_t kFieldBytes = 96;  // of a parsed header field, beside its text
constexpr size_t kLingerBytes = 4 * 1024 * 1024;
constexpr std::chrono::seconds kLingerTime(1);

HttpResponse ParseFailure(const error_code& error, const HttpServerOptions& options) {
  if (error == http::error::header_limit) {
    return ErrorResponse(431, StrCat("the header is over ", options.max_header_bytes, " bytes"));
  }
  if (error == http::error::body_limit) {
    return ErrorResponse(413, StrCat("the body is over ", options.max_body_bytes, " bytes"));
  }
  if (error == http::error::bad_version) {
    return ErrorResponse(505, "this server speaks HTTP/1.0 and HTTP/1.1");
  }
  return ErrorResponse(400, StrCat("not an HTTP request: ", error.message()));
}

}  // namespace

// What sessions and late responders share. Its loops are empty when the last of them lets go.
class HttpServer::Core : public std::enable_shared_from_this<Core> {
 public:
  struct Loop {
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
    std::set<Session*> sessions;  // touched by the loop's thread only
  };

  Core(const HttpServerOptions& opts, HttpHandler handle)
      : options(opts), handler(std::move(handle)) {
    for (int i = 0; i < options.threads; ++i) loops.push_back(std::make_unique<Loop>());
    acceptor = std::make_unique<tcp::acceptor>(loops[0]->io);
  }

  Status Listen();
  void Accept();
  void StartSession(tcp::socket socket, Loop& loop, bool refused);
  // False where the loops have ended.
  template <typename F>
  bool Post(Loop& loop, F function) {
    std::shared_lock<std::shared_mutex> lock(gate);
    if (closed) return false;
    asio::post(loop.io, std::move(function));
    return true;
  }
  void Ended() {
    std::lock_guard<std::mutex> lock(count_mutex);
    --connections;
    count_changed.notify_all();
  }

  const HttpServerOptions options;
  const HttpHandler handler;
  std::vector<std::unique_ptr<Loop>> loops;
  std::unique_ptr<tcp::acceptor> acceptor;  // with next_loop, on the first loop's thread
  size_t next_loop = 0;
  std::atomic<size_t> unfinished_bytes = 0;
  std::atomic<bool> draining = false;
  std::atomic<bool> leaving = false;  // announced, or draining

  std::mutex count_mutex;
  std::condition_variable count_changed;
  size_t connections = 0;  // guarded by count_mutex

  std::shared_mutex gate;
  bool closed = false;  // guarded by gate
};

class HttpServer::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<Core> core, Core::Loop& loop, tcp::socket socket)
      : core_(std::move(core)), loop_(loop), stream_(std::move(socket)) {
    loop_.sessions.insert(this);
  }

  void Start() {
    Fresh();
    Continue();
  }
  void Refuse() { Refuse(ErrorResponse(503, "too many connections; try again later"), false); }
  void CloseIfIdle() {
    if (state_ == State::kReading && !begun_) Close();
  }
  void Close() {
    if (state_ == State::kClosed) return;
    state_ = State::kClosed;
    LetGo();
    error_code ignored;
    stream_.socket().close(ignored);
    stream_.cancel();
    loop_.sessions.erase(this);
    core_->Ended();
  }

 private:
  enum class State { kReading, kHandling, kWriting, kLingering, kClosed };

  void Fresh() {
    parser_.emplace();
    parser_->header_limit(core_->options.max_header_bytes);
    parser_->body_limit(core_->options.max_body_bytes);
    parser_->eager(true);
    begun_ = false;
    header_read_ = false;
    continued_ = false;
    head_ = false;
    state_ = State::kReading;
    if (buffer_.capacity() > 2 * kReadBytes) buffer_.shrink_to_fit();
  }

  // The memory of a request, from its reading until it is complete or refused.
  void Hold(size_t bytes) {
    held_ += bytes;
    core_->unfinished_bytes += bytes;
  }
  void LetGo() { core_->unfinished_bytes -= std::exchange(held_, 0); }

  // Parses what is there; reads where that is not a whole request.
  void Continue() {
    while (buffer_.size() > 0) {
      if (!begun_) {
        begun_ = true;
        stream_.expires_after(core_->options.request_timeout);
      }
      error_code error;
      const size_t used = parser_->put(buffer_.data(), error);
      buffer_.consume(used);
      if (error && error != http::error::need_more) {
        return Refuse(ParseFailure(error, core_->options), false);
      }
      if (parser_->is_header_done() && !std::exchange(header_read_, true)) {
        const auto& fields = parser_->get();
        const auto count = static_cast<size_t>(std::distance(fields.begin(), fields.end()));
        const size_t most = core_->options.max_header_fields;
        if (count > most) {
          return Refuse(ErrorResponse(431, StrCat("the header has over ", most, " fields")), false);
        }
        Hold(count * kFieldBytes);
      }
      if (parser_->is_done()) return Handle();
      if (used == 0 || error == http::error::need_more) break;
    }
    if (held_ > kSmallRequest && core_->unfinished_bytes > core_->options.max_unfinished_bytes) {
      return Refuse(ErrorResponse(503, "too many large requests; try again later"), false);
    }
    if (!begun_) {
      if (core_->draining) return Close();
      stream_.expires_after(core_->options.idle_timeout);
    }
    if (parser_->is_header_done() && !continued_ &&
        beast::iequals(parser_->get()[http::field::expect], "100-continue")) {
      continued_ = true;
      out_ = "HTTP/1.1 100 Continue\r\n\r\n";
      asio::async_write(stream_, asio::buffer(out_),
                        [self = shared_from_this()](const error_code& error, size_t) {
                          error ? self->Close() : self->Read();
                        });
      return;
    }
    Read();
  }

  void Read() {
    if (state_ == State::kClosed) return;
    stream_.async_read_some(buffer_.prepare(kReadBytes),
                            [self = shared_from_this()](const error_code& error, size_t bytes) {
                              if (error || self->state_ == State::kClosed) return self->Close();
                              self->buffer_.commit(bytes);
                              self->Hold(bytes);
                              self->Continue();
                            });
  }

  void Handle() {
    state_ = State::kHandling;
    LetGo();
    stream_.expires_never();
    auto message = parser_->release();
    keep_alive_ = message.keep_alive();
    HttpRequest request;
    request.method = std::string(message.method_string());
    head_ = request.method == "HEAD";
    const auto target = message.target();
    const Status parsed = ParseTarget(std::string_view(target.data(), target.size()), request);
    if (!parsed.ok()) return Refuse(ErrorResponse(parsed), keep_alive_);
    if (message.version() >= 11 && message.count(http::field::host) != 1) {
      return Refuse(ErrorResponse(400, "HTTP/1.1 asks for exactly one Host header"), false);
    }
    for (const auto& field : message) {
      request.headers.emplace_back(field.name_string(), field.value());
    }
    request.body = std::move(message.body());

    HttpResponder responder([self = shared_from_this()](HttpResponse response) {
      Core& core = *self->core_;
      if (self->loop_.io.get_executor().running_in_this_thread()) {
        return self->Send(response, self->keep_alive_);
      }
      core.Post(self->loop_,
                [self, answer = std::move(response)] { self->Send(answer, self->keep_alive_); });
    });
    try {
      core_->handler(std::move(request), responder);
    } catch (const std::exception& error) {
      const HttpResponse response = ExceptionResponse(error);
      if (core_->options.on_refused) core_->options.on_refused(response);
      responder(response);
    }
  }

  void Refuse(const HttpResponse& response, bool keep_alive) {
    LetGo();
    if (core_->options.on_refused) core_->options.on_refused(response);
    Send(response, keep_alive);
  }

  void Send(const HttpResponse& response, bool keep_alive) {
    if (state_ == State::kClosed) return;
    state_ = State::kWriting;
    keep_alive_ = keep_alive && !core_->leaving;
    out_ = ResponseBytes(response, head_, keep_alive_);
    stream_.expires_after(core_->options.write_timeout);
    asio::async_write(stream_, asio::buffer(out_),
                      [self = shared_from_this()](const error_code& error, size_t) {
                        if (error || self->state_ == State::kClosed) return self->Close();
                        if (!self->keep_alive_) return self->Linger();
                        self->Start();
                      });
  }

  // Reads on for a moment, so that a client that still sends gets its answer and not a reset.
  void Linger() {
    state_ = State::kLingering;
    parser_.reset();
    buffer_.clear();
    buffer_.shrink_to_fit();
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    stream_.expires_after(kLingerTime);
    Discard(kLingerBytes);
  }
  void Discard(size_t left) {
    buffer_.clear();
    stream_.async_read_some(
        buffer_.prepare(kReadBytes),
        [self = shared_from_this(), left](const error_code& error, size_t bytes) {
          if (error || bytes >= left) return self->Close();
          self->Discard(left - bytes);
        });
  }

  const std::shared_ptr<Core> core_;  // first, so that the socket goes before its loop
  Core::Loop& loop_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::string out_;
  size_t held_ = 0;
  State state_ = State::kReading;
  bool begun_ = false;  // a byte of the next request has come
  bool header_read_ = false;
  bool continued_ = false;
  bool head_ = false;
  bool keep_alive_ = true;
};

Status HttpServer::Core::Listen() {
  error_code error;
  const tcp::endpoint endpoint(asio::ip::make_address(options.address, error),
                               static_cast<uint16_t>(options.port));
  acceptor->open(endpoint.protocol(), error);
  if (!error) acceptor->set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor->bind(endpoint, error);
  if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
  return error ? ListenError(options.address, options.port, error.value()) : Status();
}

void HttpServer::Core::Accept() {
  Loop& loop = *loops[next_loop];
  next_loop = (next_loop + 1) % loops.size();
  acceptor->async_accept(
      loop.io, [self = shared_from_this(), &loop](const error_code& error, tcp::socket socket) {
        if (self->draining || !self->acceptor->is_open()) return;
        if (error) {  // out of file descriptors, say: others will close
          auto pause = std::make_shared<asio::steady_timer>(self->loops[0]->io);
          pause->expires_after(std::chrono::milliseconds(50));
          pause->async_wait([self, pause](const error_code&) {
            if (!self->draining) self->Accept();
          });
          return;
        }
        bool refused = false;
        {
          std::lock_guard<std::mutex> lock(self->count_mutex);
          refused = ++self->connections > self->options.max_connections;
        }
        error_code ignored;
        socket.set_option(tcp::no_delay(true), ignored);
        auto shared = std::make_shared<tcp::socket>(std::move(socket));
        asio::post(loop.io, [self, shared, &loop, refused] {
          self->StartSession(std::move(*shared), loop, refused);
        });
        self->Accept();
      });
}

void HttpServer::Core::StartSession(tcp::socket socket, Loop& loop, bool refused) {
  const auto session = std::make_shared<Session>(shared_from_this(), loop, std::move(socket));
  refused ? session->Refuse() : session->Start();
}

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpServerOptions& options,
                                                      HttpHandler handler) {
  if (options.threads < 1 || options.max_header_bytes < 64) {
    return InvalidArgumentError("an HTTP server needs a thread and 64 bytes of header; got ",
                                options.threads, " and ", options.max_header_bytes);
  }
  TANDEM_RETURN_IF_ERROR(CheckCanListen(options.address, options.port));
  auto core = std::make_shared<Core>(options, std::move(handler));
  TANDEM_RETURN_IF_ERROR(core->Listen());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(core)));
}

HttpServer::HttpServer(std::shared_ptr<Core> core) : core_(std::move(core)) {
  error_code ignored;
  port_ = core_->acceptor->local_endpoint(ignored).port();
  core_->Accept();
  for (auto& loop : core_->loops) {
    threads_.emplace_back([io = &loop->io] { io->run(); });
  }
}

HttpServer::~HttpServer() { static_cast<void>(Drain(std::chrono::milliseconds(0))); }

void HttpServer::AnnounceShutdown() { core_->leaving = true; }

Status HttpServer::Drain(std::chrono::milliseconds timeout) {
  if (threads_.empty()) return Status();
  core_->leaving = true;
  core_->draining = true;
  Core* const core = core_.get();
  core->Post(*core->loops[0], [core] {
    error_code ignored;
    core->acceptor->close(ignored);
  });
  const auto for_all = [core](void (Session::*act)()) {
    for (auto& loop : core->loops) {
      core->Post(*loop, [sessions = &loop->sessions, act] {
        const std::set<Session*> now = *sessions;  // acting takes them out
        for (Session* const session : now) (session->*act)();
      });
    }
  };
  for_all(&Session::CloseIfIdle);
  size_t cut = 0;
  {
    std::unique_lock<std::mutex> lock(core->count_mutex);
    core->count_changed.wait_for(lock, timeout, [core] { return core->connections == 0; });
    cut = core->connections;
  }
  for_all(&Session::Close);
  {
    std::unique_lock<std::shared_mutex> lock(core->gate);
    core->closed = true;
  }
  for (auto& loop : core->loops) loop->work.reset();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  if (cut == 0) return Status();
  return DeadlineExceededError(cut, " connections were cut after ", timeout.count(), " ms");
}

}  // namespace tandem::net
