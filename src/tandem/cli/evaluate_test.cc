// What `evaluate` finds is what `train` recorded, and what it says where it cannot find anything.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tandem/base/log.h"
#include "tandem/base/memory_env.h"
#include "tandem/bundle/reader.h"
#include "tandem/cli/program.h"
#include "tandem/cli/verbs.h"
#include "tandem/format/json.h"

namespace tandem::cli {
namespace {

// 20 users rate 8 of 30 items each, and 2 others in the test rows; the last test row is of a user
// and an item that training never saw.
class EvaluateTest : public ::testing::TestWithParam<const char*> {
 protected:
  EvaluateTest() {
    SetLogSink([this](LogLevel, std::string_view line) { log_ += line; });
    std::string train;
    std::string test;
    for (int user = 0; user < 20; ++user) {
      for (int i = 0; i < 10; ++i) {
        (i < 8 ? train : test) += StrCat("u", user, "\ti", (user * 7 + i * 3) % 30, '\t',
                                         1 + (user * i) % 5, '\t', i, '\n');
      }
    }
    test += "stranger\tnew item\t3\t11\n";
    EXPECT_TRUE(env_.WriteFile("train.tsv", train).ok());
    EXPECT_TRUE(env_.WriteFile("test.tsv", test).ok());
    EXPECT_TRUE(env_.WriteFile("config.toml", StrCat("[data]\ntrain = \"train.tsv\"\n"
                                                     "test = \"test.tsv\"\nlayout = \"tsv\"\n",
                                                     GetParam()))
                    .ok());
    std::ostringstream out;
    const Status trained = Train(env_, {.config = "config.toml", .out = "b", .threads = 2}, out);
    EXPECT_TRUE(trained.ok()) << trained;
  }
  ~EvaluateTest() override { SetLogSink({}); }

  MemoryEnv env_;
  std::string log_;
};

TEST_P(EvaluateTest, PrintsTheMetricsThatTrainRecorded) {
  const auto recorded = bundle::Open(env_, "b").value()->provenance.metrics;
  ASSERT_EQ(recorded.size(), 12U) << "five accuracies, five with seen kept, RMSE, MAE";
  std::ostringstream out;
  const Status status = Evaluate(env_, {.bundle = "b", .test = "test.tsv", .json = true}, out);
  ASSERT_TRUE(status.ok()) << status;
  const format::Json found = format::ParseJson(out.str()).value();
  for (const auto& [name, value] : recorded) {
    EXPECT_EQ(found.Get(name).value()->AsDouble().value(), value) << name;
  }
  EXPECT_EQ(log_, "");
}

TEST_P(EvaluateTest, PrintsATableOfTheModelBesidePopularity) {
  std::ostringstream out;
  ASSERT_TRUE(Evaluate(env_, {.bundle = "b/1", .test = "test.tsv"}, out).ok());
  EXPECT_NE(out.str().find("acc@10"), std::string::npos) << out.str();
  EXPECT_NE(out.str().find("\nmodel"), std::string::npos) << out.str();
  EXPECT_NE(out.str().find("\nmost popular"), std::string::npos) << out.str();
}

TEST_P(EvaluateTest, WarnsOfRowsThatTheBundleWasTrainedOn) {
  std::ostringstream out;
  ASSERT_TRUE(Evaluate(env_, {.bundle = "b", .test = "train.tsv", .json = true}, out).ok());
  EXPECT_NE(log_.find("160 of the 160 rows of train.tsv"), std::string::npos) << log_;
  const format::Json found = format::ParseJson(out.str()).value();
  EXPECT_EQ(found.Get("acc@100").value()->AsDouble().value(), 0.0);
  EXPECT_EQ(found.Get("acc@100 (seen kept)").value()->AsDouble().value(), 1.0);
}

TEST_P(EvaluateTest, NamesTheLineOfABadFile) {
  ASSERT_TRUE(env_.WriteFile("bad.tsv", "u1\ti1\t3\t1\nu1\ti2\tgood\t1\n").ok());
  std::ostringstream out;
  const Status bad = Evaluate(env_, {.bundle = "b", .test = "bad.tsv"}, out);
  EXPECT_EQ(bad.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(bad.message().find("bad.tsv:2"), std::string::npos) << bad;
  const Status missing = Evaluate(env_, {.bundle = "b", .test = "no.tsv"}, out);
  EXPECT_EQ(missing.code(), StatusCode::kNotFound);
  const Status layout = Evaluate(env_, {.bundle = "b", .test = "test.tsv", .layout = "xml"}, out);
  EXPECT_NE(layout.message().find("movielens-small"), std::string::npos) << layout;
  EXPECT_EQ(out.str(), "");
}

INSTANTIATE_TEST_SUITE_P(
    Models, EvaluateTest,
    ::testing::Values("[training]\nepochs = 2\n",
                      "[model]\nquery = \"history\"\nrating = \"factors\"\n"
                      "popularity = \"last_coordinate\"\n[training]\nepochs = 2\n"),
    [](const auto& instance) { return instance.index == 0 ? "Ids" : "HistoryAndFactors"; });

TEST(EvaluateProgram, WrongUsageIsTwoAndAFailureIsOneLineAndOne) {
  const auto run = [](std::vector<const char*> arguments, std::string* message) {
    std::ostringstream out;
    std::ostringstream err;
    const int code = RunProgram(static_cast<int>(arguments.size()), arguments.data(), out, err);
    *message = err.str();
    return code;
  };
  std::string message;
  EXPECT_EQ(run({"tandem", "evaluate", "no/such/bundle"}, &message), 2) << "on what?";
  EXPECT_EQ(run({"tandem", "evaluate", "no/such/bundle", "--test", "no.tsv"}, &message), 1);
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 1) << message;
  EXPECT_NE(message.find("no/such/bundle"), std::string::npos) << message;
}

}  // namespace
}  // namespace tandem::cli
