// XXH3 checksums, as 16 hexadecimal digits. They find damage, not forgery.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tandem {

uint64_t Checksum(std::string_view bytes);
std::string ChecksumHex(std::string_view bytes);
std::string ChecksumHex(uint64_t checksum);

// The checksum of bytes that come in pieces. For one thread.
class ChecksumStream {
 public:
  ChecksumStream();
  ~ChecksumStream();
  ChecksumStream(const ChecksumStream&) = delete;
  ChecksumStream& operator=(const ChecksumStream&) = delete;

  void Reset();  // as new
  void Update(std::string_view bytes);
  // Of all bytes so far: what Checksum says of them in one piece.
  uint64_t Digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tandem
