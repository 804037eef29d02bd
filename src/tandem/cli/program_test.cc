// The command line from outside: exit codes, messages, and what `train --json` prints.
#include "tandem/cli/program.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "tandem/base/memory_env.h"
#include "tandem/cli/config_reader.h"
#include "tandem/cli/verbs.h"
#include "tandem/format/json.h"

namespace tandem::cli {
namespace {

int ExitCode(std::vector<const char*> arguments, std::string* message = nullptr) {
  arguments.insert(arguments.begin(), "tandem");
  std::ostringstream out;
  std::ostringstream err;
  const int code = RunProgram(static_cast<int>(arguments.size()), arguments.data(), out, err);
  if (message != nullptr) *message = err.str();
  return code;
}

TEST(Program, WrongUsageIsTwoAndAFailureIsOneLineAndOne) {
  EXPECT_EQ(ExitCode({}), 2);
  EXPECT_EQ(ExitCode({"frobnicate"}), 2);
  EXPECT_EQ(ExitCode({"recommend", "bundle"}), 2) << "for whom?";
  EXPECT_EQ(ExitCode({"recommend", "bundle", "--user", "1", "--all-users"}), 2);
  EXPECT_EQ(ExitCode({"recommend", "bundle", "--user", "1", "-n", "0"}), 2);
  EXPECT_EQ(ExitCode({"--help"}), 0);
  std::string message;
  EXPECT_EQ(ExitCode({"inspect", "no/such/bundle"}, &message), 1);
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 1) << message;
  EXPECT_NE(message.find("no/such/bundle"), std::string::npos) << message;
}

class TrainTest : public ::testing::Test {
 protected:
  TrainTest() {
    std::string rows;
    for (int i = 0; i < 60; ++i) rows += StrCat(i % 6, '\t', (7 * i) % 11, "\t3\t", i, '\n');
    EXPECT_TRUE(env_.WriteFile("rows.tsv", rows).ok());
    EXPECT_TRUE(env_.WriteFile("config.toml",
                               "[data]\ntrain = \"ratings.csv\"\nitems = \"movies.csv\"\n"
                               "[training]\nepochs = 2\n")
                    .ok());
  }

  MemoryEnv env_;
};

TEST_F(TrainTest, ATsvSetAsTrainBringsItsLayoutAndDropsTheItems) {
  const auto config = ReadTrainingConfig(env_, "config.toml", {"data.train=rows.tsv"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->data.train, "rows.tsv");
  EXPECT_EQ(config->data.layout, "tsv");
  EXPECT_EQ(config->data.items, "");
  const auto kept =
      ReadTrainingConfig(env_, "config.toml", {"data.train=rows.tsv", "data.items=i.tsv"});
  EXPECT_EQ(kept->data.items, "i.tsv");
}

TEST_F(TrainTest, AnUnknownKeyComesWithTheNearestKnownOne) {
  const Status status =
      ReadTrainingConfig(env_, "config.toml", {"optimizer.lerning_rate=1"}).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("'optimizer.learning_rate'"), std::string::npos) << status;
}

TEST_F(TrainTest, TheLastJsonLineHasTheMetricsAfterTheSecondTrainingToo) {
  std::ostringstream out;
  const Status status = Train(env_,
                              {.config = "config.toml",
                               .out = "bundles",
                               .settings = {"data.train=rows.tsv"},
                               .json = true,
                               .threads = 1},
                              out);
  ASSERT_TRUE(status.ok()) << status;
  std::istringstream lines(out.str());
  std::vector<format::Json> objects;
  for (std::string line; std::getline(lines, line);) {
    objects.push_back(format::ParseJson(line).value());
  }
  ASSERT_EQ(objects.size(), 5U) << "two epochs, two more on all rows, the metrics";
  EXPECT_NE(objects.back().Find("RMSE"), nullptr);
  for (size_t i = 0; i < 4; ++i) {
    for (const char* key : {"epoch", "samples_per_second", "loss"}) {
      EXPECT_NE(objects[i].Find(key), nullptr) << i << " " << key;
    }
  }
  EXPECT_TRUE(env_.Stat("bundles/1/manifest.json").ok());
}

TEST_F(TrainTest, AnOutputThatCannotBeWrittenIsToldBeforeTheTraining) {
  env_.FailFromChange(1);
  std::ostringstream out;
  const Status status = Train(env_,
                              {.config = "config.toml",
                               .out = "bundles",
                               .settings = {"data.train=rows.tsv"},
                               .json = true,
                               .threads = 1},
                              out);
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(out.str(), "");
}

TEST_F(TrainTest, AFailedTrainingLeavesNothingBehind) {
  const auto before = env_.ListDirectory(".").value();
  std::ostringstream out;
  const Status status = Train(env_,
                              {.config = "config.toml",
                               .out = "bundles/movielens",
                               .settings = {"data.train=missing.tsv"},
                               .threads = 1},
                              out);
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_EQ(env_.Stat("bundles").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(env_.ListDirectory(".").value().size(), before.size());
}

}  // namespace
}  // namespace tandem::cli
