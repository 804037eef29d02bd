// For tests: a real app on loopback over bundles in memory, asked over HTTP.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tandem/base/memory_env.h"
#include "tandem/bundle/query.h"
#include "tandem/bundle/reader.h"
#include "tandem/bundle/testing/tiny_bundle.h"
#include "tandem/bundle/writer.h"
#include "tandem/format/json_writer.h"
#include "tandem/recommend/recommender.h"
#include "tandem/serving/app/app.h"
#include "tandem/serving/net/testing/http_client.h"

namespace tandem::app {

class AppFixture : public ::testing::Test {
 protected:
  void SetUp() override { Write(1); }

  void Write(uint64_t seed) {
    const auto written =
        bundle::WriteNextVersion(env_, "/bundles", bundle::testing::TinyBundle(seed));
    ASSERT_TRUE(written.ok()) << written.status();
  }
  std::shared_ptr<const bundle::Bundle> Version(int64_t version) {
    return bundle::ReadVersion(env_, StrCat("/bundles/", version)).value();
  }
  // Until it is ready.
  void Start(AppOptions options = {}) {
    StartAt("/bundles", std::move(options));
    WaitUntilServing(1);
  }
  void WaitUntilServing(int64_t version) {
    const auto serves = [&] {
      const Result<int64_t> newest = app_->Readiness();
      return newest.ok() && *newest == version;
    };
    for (int i = 0; i < 30'000 && !serves(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ASSERT_TRUE(serves()) << app_->Readiness().status();
  }
  void StartAt(const std::string& bundle, AppOptions options = {}) {
    options.bundle = bundle;
    options.http.address = "127.0.0.1";
    options.http.port = 0;
    options.poll_interval = std::chrono::milliseconds(5);
    auto app = App::Start(env_, options);
    ASSERT_TRUE(app.ok()) << app.status();
    app_ = std::move(app).value();
  }
  std::string Get(const std::string& target) {
    return net::testing::HttpClient(app_->port()).Get(target);
  }

  static std::string Json(const bundle::Bundle& bundle, const std::string& user,
                          const std::vector<recommend::Recommendation>& items) {
    std::string titles;
    for (const auto& item : items) {
      if (!titles.empty()) titles += ", ";
      format::AppendJsonString(titles, bundle.items.titles[static_cast<size_t>(item.item)]);
    }
    return StrCat(R"({"user_id": [")", user, R"("], "recommendations": [[)", titles, "]]}\n");
  }
  // What a known user should get, from the library below.
  static std::string Expected(const bundle::Bundle& bundle, const std::string& user, int n) {
    return Json(bundle, user,
                recommend::TopItems(bundle, bundle::UserEmbedding(bundle, user),
                                    recommend::SeenBy(bundle, user), n)
                    .value());
  }

  MemoryEnv env_;
  std::unique_ptr<App> app_;
};

}  // namespace tandem::app
