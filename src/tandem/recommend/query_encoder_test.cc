#include "tandem/recommend/query_encoder.h"

#include <gtest/gtest.h>

#include <utility>

#include "tandem/bundle/query.h"
#include "tandem/bundle/testing/tiny_bundle.h"

namespace tandem::recommend {
namespace {

using bundle::testing::TinyBundle;
using bundle::testing::TinyUserId;

// What an encoder answered, and how often.
struct Answer {
  int calls = 0;
  EncodedQuery query;

  QueryEncoder::Done Take() {
    return [this](EncodedQuery encoded) {
      ++calls;
      query = std::move(encoded);
    };
  }
};

TEST(InProcessEncoder, CallsDoneOnceWithTheEmbeddingOfTheBundle) {
  const auto bundle = std::make_shared<const bundle::Bundle>(TinyBundle(1));
  InProcessEncoder encoder;
  for (const std::string& user : {TinyUserId(0), TinyUserId(39), std::string("nobody")}) {
    Answer answer;
    encoder.Encode(bundle, user, answer.Take());
    EXPECT_EQ(answer.calls, 1) << "at once, and once: " << user;
    const std::span<const float> expected = bundle::UserEmbedding(*bundle, user);
    EXPECT_EQ(answer.query.embedding, std::vector<float>(expected.begin(), expected.end()));
    EXPECT_FALSE(answer.query.degraded) << "in process is what was asked for";
  }
}

TEST(InProcessEncoder, TakesEachBundleAsItComes) {
  InProcessEncoder encoder;
  Answer first;
  Answer second;
  encoder.Encode(std::make_shared<const bundle::Bundle>(TinyBundle(1)), "7", first.Take());
  encoder.Encode(std::make_shared<const bundle::Bundle>(TinyBundle(2)), "7", second.Take());
  EXPECT_NE(first.query.embedding, second.query.embedding);
}

TEST(InProcessEncoder, KeepsTheBundleUntilDoneHasReturned) {
  auto bundle = std::make_shared<const bundle::Bundle>(TinyBundle(1));
  const std::weak_ptr<const bundle::Bundle> watched = bundle;
  InProcessEncoder encoder;
  encoder.Encode(std::move(bundle), "7",
                 [&](const EncodedQuery&) { EXPECT_FALSE(watched.expired()); });
  EXPECT_TRUE(watched.expired()) << "and no longer";
}

}  // namespace
}  // namespace tandem::recommend
