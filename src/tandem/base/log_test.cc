#include "tandem/base/log.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tandem {
namespace {

TEST(LogTest, WithoutASinkWarningsAndErrorsGoToStderr) {
  ::testing::internal::CaptureStderr();
  Log(LogLevel::kDebug, "one");
  Log(LogLevel::kInfo, "two");
  Log(LogLevel::kWarning, "three");
  Log(LogLevel::kError, std::string_view("four, cut", 4));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "warning: three\nerror: four\n");
}

TEST(LogTest, TheSinkGetsEveryMessageOfEveryThreadOneAtATime) {
  std::vector<std::pair<LogLevel, std::string>> lines;  // not guarded: Log does that
  SetLogSink([&](LogLevel level, std::string_view message) { lines.emplace_back(level, message); });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int line = 0; line < 500; ++line) Log(LogLevel::kDebug, "message");
    });
  }
  for (std::thread& thread : threads) thread.join();
  SetLogSink({});
  ASSERT_EQ(lines.size(), 2000u);
  for (const auto& line : lines) {
    EXPECT_EQ(line.first, LogLevel::kDebug);
    EXPECT_EQ(line.second, "message");
  }
}

}  // namespace
}  // namespace tandem
