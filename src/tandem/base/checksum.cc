#include "tandem/base/checksum.h"

// The state of a stream has no size otherwise.
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

namespace tandem {

uint64_t Checksum(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::string ChecksumHex(std::string_view bytes) { return ChecksumHex(Checksum(bytes)); }

std::string ChecksumHex(uint64_t checksum) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex(16, '0');
  for (size_t i = hex.size(); i-- > 0; checksum >>= 4) hex[i] = kDigits[checksum & 15];
  return hex;
}

struct ChecksumStream::State {
  XXH3_state_t xxh3;
};

ChecksumStream::ChecksumStream() : state_(std::make_unique<State>()) { Reset(); }
ChecksumStream::~ChecksumStream() = default;

void ChecksumStream::Reset() {
  XXH3_INITSTATE(&state_->xxh3);
  XXH3_64bits_reset(&state_->xxh3);
}

void ChecksumStream::Update(std::string_view bytes) {
  XXH3_64bits_update(&state_->xxh3, bytes.data(), bytes.size());
}

uint64_t ChecksumStream::Digest() const { return XXH3_64bits_digest(&state_->xxh3); }

}  // namespace tandem
