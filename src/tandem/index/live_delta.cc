#include "tandem/index/live_delta.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>

namespace tandem::index {
namespace {

size_t ChunksFor(size_t rows, size_t chunk_rows) {
  return std::max<size_t>((rows + chunk_rows - 1) / chunk_rows, 1);
}

}  // namespace

DeltaLog::DeltaLog(size_t dimension, int64_t begin, int64_t room)
    : dimension_(dimension),
      first_(begin - static_cast<int64_t>(In(begin))),
      chunks_(ChunksFor(In(begin) + static_cast<size_t>(room), kChunkRows)),
      slots_(std::bit_ceil(2 * chunks_.size() * kChunkRows)) {
  for (auto& slot : slots_) slot.store(-1, kRelaxed);
}

DeltaLog::DeltaLog(const DeltaLog& other, int64_t begin, int64_t end, int64_t room)
    : DeltaLog(other.dimension_, begin, std::max(room, end - begin)) {
  if (begin == end) return;
  const auto from = other.chunks_.begin() + static_cast<std::ptrdiff_t>(other.ChunkOf(begin));
  std::copy(from, from + static_cast<std::ptrdiff_t>(ChunkOf(end - 1) + 1), chunks_.begin());
  for (int64_t row = begin; row < end; ++row) slots_[Locate(Id(row)).slot].store(row, kRelaxed);
}

void DeltaLog::Append(int64_t row, std::string_view id, std::span<const float> vector,
                      const AttributeRow& attributes) {
  std::shared_ptr<Chunk>& chunk = chunks_[ChunkOf(row)];
  if (chunk == nullptr) chunk = std::make_shared<Chunk>(dimension_);
  const size_t in = In(row);
  std::copy(vector.begin(), vector.end(), chunk->vectors.data() + in * dimension_);
  double square = 0;
  for (const float x : vector) square += static_cast<double>(x) * static_cast<double>(x);
  chunk->lengths[in] = static_cast<float>(std::sqrt(square));
  chunk->ids[in] = id;
  chunk->attributes[in] = attributes;
  chunk->died[in].store(kNever, kRelaxed);
  const Place place = Locate(id);
  chunk->previous[in] = place.row;
  slots_[place.slot].store(row, std::memory_order_release);  // a reader may find it at once
}

void DeltaLog::FindLiving(int64_t begin, int64_t end, uint64_t change, const Lengths& lengths,
                          LivingRows& living) const {
  const Chunk& chunk = At(begin);
  const size_t in = In(begin);
  living.first = begin - static_cast<int64_t>(in);
  living.vectors = chunk.vectors.data();
  living.next = std::min(living.first + Rows(1), end);
  const size_t rows = static_cast<size_t>(living.next - living.first);
  size_t count = 0;
  for (size_t i = in; i < rows; ++i) {
    // Without a branch, which nothing could foretell.
    const bool is_long = chunk.lengths[i] >= lengths.least;
    const bool is_short = chunk.lengths[i] <= lengths.most;
    const bool lives = chunk.died[i].load(kRelaxed) > change;
    living.places[count] = static_cast<uint32_t>(i);
    count += static_cast<size_t>(is_long & is_short & lives);
  }
  living.count = count;
}

int64_t DeltaLog::Find(std::string_view id, int64_t begin, int64_t end) const {
  int64_t row = Locate(id).row;
  while (row >= end) row = At(row).previous[In(row)];
  return row >= begin ? row : -1;
}

DeltaLog::Place DeltaLog::Locate(std::string_view id) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = std::hash<std::string_view>{}(id)&mask;
  for (;; slot = (slot + 1) & mask) {
    const int64_t row = slots_[slot].load(std::memory_order_acquire);
    if (row < 0 || Id(row) == id) return {slot, row};
  }
}

}  // namespace tandem::index
