#include "tandem/base/checksum.h"

#include <gtest/gtest.h>

namespace tandem {
namespace {

TEST(ChecksumTest, OfNothingIsTheKnownValueOfXxh3) {
  EXPECT_EQ(Checksum(""), 0x2d06800538d394c2u);
  EXPECT_EQ(ChecksumHex(""), "2d06800538d394c2");
}

TEST(ChecksumTest, HexHasSixteenDigitsAndTheValueOfTheNumber) {
  // One value in 16 begins with a zero digit, so 1000 strings have some.
  for (int i = 0; i < 1000; ++i) {
    const std::string bytes = std::to_string(i);
    const std::string hex = ChecksumHex(bytes);
    ASSERT_EQ(hex.size(), 16u);
    ASSERT_EQ(std::stoull(hex, nullptr, 16), Checksum(bytes));
    ASSERT_EQ(hex.find_first_not_of("0123456789abcdef"), std::string::npos);
  }
}

TEST(ChecksumTest, InPiecesItIsThatOfTheWhole) {
  std::string bytes;
  for (int i = 0; i < 3000; ++i) bytes += static_cast<char>(i * 37);
  ChecksumStream stream;
  EXPECT_EQ(stream.Digest(), Checksum(""));
  for (const size_t piece : {1u, 7u, 64u, 1000u}) {
    stream.Reset();
    for (size_t at = 0; at < bytes.size(); at += piece) stream.Update(bytes.substr(at, piece));
    EXPECT_EQ(stream.Digest(), Checksum(bytes)) << "pieces of " << piece;
  }
}

TEST(ChecksumTest, FindsEveryFlippedBitAndEveryCut) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) bytes += static_cast<char>(i * 37);
  const uint64_t whole = Checksum(bytes);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_NE(Checksum(damaged), whole) << "bit " << bit;
  }
  for (size_t n = 0; n < bytes.size(); ++n) {
    ASSERT_NE(Checksum(std::string_view(bytes).substr(0, n)), whole) << "first " << n << " bytes";
  }
}

}  // namespace
}  // namespace tandem
