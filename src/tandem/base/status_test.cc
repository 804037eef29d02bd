#include "tandem/base/status.h"

#include <gtest/gtest.h>

#include <memory>

namespace tandem {
namespace {

Status FailIf(bool fail) { return fail ? NotFoundError("item ", 7) : Status(); }

Result<int> HalfOf(int value) {
  if (value % 2 != 0) return InvalidArgumentError("expected an even number, got ", value);
  return value / 2;
}

Status ReturnsEarly(bool fail, bool* went_on) {
  TANDEM_RETURN_IF_ERROR(FailIf(fail));
  *went_on = true;
  return Status();
}

Result<int> QuarterOf(int value) {
  TANDEM_ASSIGN_OR_RETURN(const int half, HalfOf(value));
  TANDEM_ASSIGN_OR_RETURN(const int quarter, HalfOf(half));
  return quarter;
}

TEST(StatusTest, IsOkByDefault) {
  const Status status;
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.code(), StatusCode::kOk);
  EXPECT_EQ(status.ToString(), "OK");
}

TEST(StatusTest, SaysCodeAndConcatenatedMessage) {
  const Status status = DataLossError("manifest.json: expected ", 3, " tables, got ", 2);
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.ToString(), "DATA_LOSS: manifest.json: expected 3 tables, got 2");
  std::ostringstream out;
  out << status;
  EXPECT_EQ(out.str(), status.ToString());
}

TEST(StatusTest, ContextGoesBeforeTheMessageAndKeepsTheCode) {
  EXPECT_EQ(NotFoundError("item 7").WithContext("ranking"), NotFoundError("ranking: item 7"));
  EXPECT_EQ(Status().WithContext("ranking"), Status());
}

TEST(StatusTest, CodesHaveTheNumbersAndNamesOfGrpc) {
  const std::string_view names[] = {"OK",
                                    "CANCELLED",
                                    "UNKNOWN",
                                    "INVALID_ARGUMENT",
                                    "DEADLINE_EXCEEDED",
                                    "NOT_FOUND",
                                    "ALREADY_EXISTS",
                                    "PERMISSION_DENIED",
                                    "RESOURCE_EXHAUSTED",
                                    "FAILED_PRECONDITION",
                                    "ABORTED",
                                    "OUT_OF_RANGE",
                                    "UNIMPLEMENTED",
                                    "INTERNAL",
                                    "UNAVAILABLE",
                                    "DATA_LOSS"};
  int number = 0;
  for (const std::string_view name : names) {
    EXPECT_EQ(StatusCodeName(static_cast<StatusCode>(number)), name);
    ++number;
  }
}

TEST(StatusTest, ReturnIfErrorLeavesOnAnErrorOnly) {
  bool went_on = false;
  EXPECT_EQ(ReturnsEarly(true, &went_on), NotFoundError("item 7"));
  EXPECT_FALSE(went_on);
  EXPECT_TRUE(ReturnsEarly(false, &went_on).ok());
  EXPECT_TRUE(went_on);
}

TEST(ResultTest, HoldsAValueOrAnError) {
  const Result<int> half = HalfOf(6);
  ASSERT_TRUE(half.ok());
  EXPECT_TRUE(half.status().ok());
  EXPECT_EQ(*half, 3);
  const Result<int> none = HalfOf(5);
  EXPECT_FALSE(none.ok());
  EXPECT_EQ(none.status(), InvalidArgumentError("expected an even number, got 5"));
}

TEST(ResultTest, AssignOrReturnPassesTheFirstErrorOn) {
  EXPECT_EQ(*QuarterOf(12), 3);
  EXPECT_EQ(QuarterOf(7).status(), InvalidArgumentError("expected an even number, got 7"));
  EXPECT_EQ(QuarterOf(6).status(), InvalidArgumentError("expected an even number, got 3"));
}

TEST(ResultTest, MovesOutWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(4));
  const std::unique_ptr<int> taken = std::move(result).value();
  EXPECT_EQ(*taken, 4);
}

TEST(ResultTest, AnOkStatusWithoutAValueIsAnInternalError) {
  const Result<int> result{Status()};
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), StatusCode::kInternal);
}

TEST(ResultDeathTest, ValueOfAnErrorEndsTheProgramWithTheMessage) {
  EXPECT_DEATH(static_cast<void>(HalfOf(5).value()), "expected an even number, got 5");
}

}  // namespace
}  // namespace tandem
