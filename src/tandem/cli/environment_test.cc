// Flags from the environment, and the log of a container, seen through the program.
#include "tandem/cli/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "tandem/base/log.h"
#include "tandem/cli/log_sink.h"
#include "tandem/cli/program.h"

namespace tandem::cli {
namespace {

struct Ran {
  int code = 0;
  std::string out;
  std::string err;
};

Ran Tandem(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "tandem");
  std::ostringstream out;
  std::ostringstream err;
  const int code = RunProgram(static_cast<int>(arguments.size()), arguments.data(), out, err);
  SetLogSink({});
  return {code, out.str(), err.str()};
}

class EnvironmentTest : public ::testing::Test {
 protected:
  void Set(const char* name, const char* value) {
    names_.emplace_back(name);
    setenv(name, value, 1);
  }
  void TearDown() override {
    for (const std::string& name : names_) unsetenv(name.c_str());
  }

 private:
  std::vector<std::string> names_;
};

// The base path does not exist, so that each run ends with a line that names it.
TEST_F(EnvironmentTest, AVariableIsAFlagAndAFlagWins) {
  Set("TANDEM_MODEL_BASE_PATH", "/nowhere/variable");
  Ran ran = Tandem({"serve-model"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.err.find("/nowhere/variable"), std::string::npos) << ran.err;
  for (const char* flag : {"--model_base_path=/nowhere/flag", "--model-base-path=/nowhere/flag"}) {
    ran = Tandem({"serve-model", flag});
    EXPECT_NE(ran.err.find("/nowhere/flag"), std::string::npos) << ran.err;
  }
  ran = Tandem({"serve-model", "--model-base-path", "/nowhere/flag"});
  EXPECT_NE(ran.err.find("/nowhere/flag"), std::string::npos) << ran.err;
}

TEST_F(EnvironmentTest, AVariableStandsForAFlagThatIsRequired) {
  EXPECT_EQ(Tandem({"serve-app"}).code, 2);
  Set("TANDEM_BUNDLE", "/nowhere/bundle");
  const Ran ran = Tandem({"serve-app"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.err.find("/nowhere/bundle"), std::string::npos) << ran.err;
}

TEST_F(EnvironmentTest, ABadValueIsWrongUsageThatNamesTheVariable) {
  Set("TANDEM_PORT", "tcp://10.0.0.1:80");
  const Ran ran = Tandem({"serve-app", "--bundle", "/nowhere"});
  EXPECT_EQ(ran.code, 2);
  EXPECT_EQ(ran.err,
            "tandem: --port: Value tcp://10.0.0.1:80 not in range 0 to 65535 "
            "(TANDEM_PORT of the environment) (--help says more)\n");
  EXPECT_EQ(Tandem({"inspect", "/nowhere"}).code, 1) << "no server, no such flag";
  EXPECT_EQ(Tandem({"serve-app", "--bundle", "/nowhere", "--port", "0"}).code, 1)
      << "the flag wins";
}

TEST_F(EnvironmentTest, AnEmptyVariableIsNone) {
  Set("TANDEM_PORT", "");
  EXPECT_EQ(Tandem({"serve-app", "--bundle", "/nowhere"}).code, 1);
}

TEST_F(EnvironmentTest, TheModelIsWhereTensorFlowServingsImageHasIt) {
  Ran ran = Tandem({"serve-model"});
  EXPECT_NE(ran.err.find("/models/user_model"), std::string::npos) << ran.err;
  Set("MODEL_NAME", "films");
  ran = Tandem({"serve-model"});
  EXPECT_NE(ran.err.find("/models/films"), std::string::npos) << ran.err;
  Set("MODEL_BASE_PATH", "/nowhere/mounted");
  ran = Tandem({"serve-model"});
  EXPECT_NE(ran.err.find("/nowhere/mounted/films"), std::string::npos) << ran.err;
  ran = Tandem({"serve-model", "--model_name", "other"});
  EXPECT_NE(ran.err.find("/nowhere/mounted/films"), std::string::npos) << ran.err;
}

TEST_F(EnvironmentTest, AVariableThatIsNoFlagsIsToldWithTheOneThatWasMeant) {
  Set("TANDEM_LOG_FORMAT", "json");
  const auto warning = [] {
    const std::string out = Tandem({"serve-app", "--bundle", "/nowhere"}).out;
    const size_t begin = out.find("of the environment, ignored");
    return begin == std::string::npos ? "" : out.substr(begin, out.find('"', begin) - begin);
  };
  Set("TANDEM_MODEL_BASE_PATH", "/the/other/verbs");
  Set("TANDEM_EMPTY", "");
  EXPECT_EQ(warning(), "");
  Set("TANDEM_PRT", "3");
  Set("TANDEM_COLOUR", "secret");
  Set("TANDEM_MODLE_SERVER", "a:1");
  EXPECT_EQ(warning(),
            "of the environment, ignored because no flag has that name: TANDEM_COLOUR, "
            "TANDEM_MODLE_SERVER (TANDEM_MODEL_SERVER?), TANDEM_PRT (TANDEM_PORT?)");
}

TEST_F(EnvironmentTest, AJsonLogTellsAFailureAsOneObject) {
  Set("TANDEM_LOG_FORMAT", "json");
  const Ran ran = Tandem({"serve-model", "--model_base_path", "/nowhere/\"quoted\""});
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.err, "");
  const std::regex expected(
      R"(\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","level":"error","message":"tandem: [^\n]*/nowhere/\\"quoted\\"[^\n]*"\}\n)");
  EXPECT_TRUE(std::regex_match(ran.out, expected)) << ran.out;
}

TEST_F(EnvironmentTest, LevelsOfAJsonLogHaveTheirNames) {
  std::ostringstream out;
  LogJsonTo(out);
  Log(LogLevel::kInfo, "a");
  Log(LogLevel::kWarning, "b\nc");
  SetLogSink({});
  EXPECT_NE(out.str().find(R"("level":"info","message":"a"})"), std::string::npos) << out.str();
  EXPECT_NE(out.str().find(R"("level":"warning","message":"b\nc"})"), std::string::npos)
      << out.str();
}

}  // namespace
}  // namespace tandem::cli
