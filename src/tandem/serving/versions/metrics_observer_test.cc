#include "tandem/serving/versions/metrics_observer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

namespace tandem::versions {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class MetricsObserverTest : public testing::Test {
 protected:
  std::string Text() const { return prometheus::TextSerializer().Serialize(registry_.Collect()); }

  prometheus::Registry registry_;
  MetricsObserver observer_{registry_, "m",
                            [](int64_t version) { return StrCat("bundle", version); }};
};

TEST_F(MetricsObserverTest, TellsTheNewestVersionAndTheBundleOfEach) {
  EXPECT_THAT(Text(), HasSubstr("tandem_model_version{model=\"m\"} 0\n"));
  observer_.OnAvailable(2);
  observer_.OnAvailable(1);  // the one before, loaded second
  EXPECT_THAT(Text(), AllOf(HasSubstr("tandem_model_version{model=\"m\"} 2\n"),
                            HasSubstr("{bundle=\"bundle2\",model=\"m\",version=\"2\"} 1\n"),
                            HasSubstr("{bundle=\"bundle1\",model=\"m\",version=\"1\"} 1\n"),
                            HasSubstr("tandem_model_swaps_total{model=\"m\"} 0\n")));
  observer_.OnAvailable(3);
  observer_.OnUnloaded(1);
  EXPECT_THAT(Text(), AllOf(HasSubstr("tandem_model_version{model=\"m\"} 3\n"),
                            HasSubstr("{bundle=\"bundle3\",model=\"m\",version=\"3\"} 1\n"),
                            Not(HasSubstr("bundle1")),
                            HasSubstr("tandem_model_swaps_total{model=\"m\"} 1\n")));
}

TEST_F(MetricsObserverTest, TellsHowOftenAndWhenAVersionWasRefused) {
  EXPECT_THAT(Text(), HasSubstr("tandem_model_last_refusal_timestamp_seconds{model=\"m\"} 0\n"));
  observer_.OnRefused(7, DataLossError("bad"));
  EXPECT_THAT(Text(),
              AllOf(HasSubstr("tandem_model_refusals_total{model=\"m\"} 1\n"),
                    Not(HasSubstr("tandem_model_last_refusal_timestamp_seconds{model=\"m\"} 0\n")),
                    HasSubstr("tandem_model_version{model=\"m\"} 0\n")));
}

}  // namespace
}  // namespace tandem::versions
