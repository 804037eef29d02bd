// The rows that were added to a LiveIndex since its base was built: a log that grows at its end.
//
// Rows are numbered from the first one that the index ever saw, and never change: a vector [d], an
// id, its attributes, and the number of the change at which the row died. A state of the index is a
// range of rows and the number of its last change; it sees the rows of the range that died later
// than that. So a change costs what it writes, whatever was written before, and an old state stays
// as it was.
//
// One thread writes; many read, each only rows that it learned of by a state published after they
// were written. Find may meet newer ones, and passes over them. Row numbers must be in the log.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/base/aligned_buffer.h"
#include "tandem/index/live_attributes.h"

namespace tandem::index {

class DeltaLog {
 public:
  static constexpr size_t kChunkRows = 256;

  // Of no rows, the first of which will be `begin`, with room for at least `room` of them.
  DeltaLog(size_t dimension, int64_t begin, int64_t room);
  // Rows begin..end-1 of `other`, shared with it, and room for at least `room` in all. Only the
  // newer log may be written from then on.
  DeltaLog(const DeltaLog& other, int64_t begin, int64_t end, int64_t room);

  // By the writer. Row `row` is the one after the last, below limit().
  void Append(int64_t row, std::string_view id, std::span<const float> vector,
              const AttributeRow& attributes);
  void Kill(int64_t row, uint64_t change) { At(row).died[In(row)].store(change, kRelaxed); }
  int64_t limit() const { return first_ + Rows(chunks_.size()); }

  // By all.
  std::span<const float> Vector(int64_t row) const {
    return At(row).vectors.span().subspan(In(row) * dimension_, dimension_);
  }
  const std::string& Id(int64_t row) const { return At(row).ids[In(row)]; }
  const AttributeRow& Attributes(int64_t row) const { return At(row).attributes[In(row)]; }
  bool LivesAfter(int64_t row, uint64_t change) const {
    return At(row).died[In(row)].load(kRelaxed) > change;
  }
  // Living rows that lie together: those of a range that are in the chunk of its first row.
  struct LivingRows {
    const float* vectors = nullptr;  // [.., d], the first of them row `first`
    int64_t first = 0;
    std::array<uint32_t, kChunkRows> places;  // of the living, from `first`
    size_t count = 0;
    int64_t next = 0;  // where the next range begins
  };
  // Of [begin, end), begin < end, after this change; only those whose vectors have a length in
  // `lengths`, to rounding.
  struct Lengths {
    float least = 0;
    float most = std::numeric_limits<float>::infinity();
  };
  void FindLiving(int64_t begin, int64_t end, uint64_t change, const Lengths& lengths,
                  LivingRows& living) const;
  // The last row of this id in [begin, end), dead or alive; -1 where there is none.
  int64_t Find(std::string_view id, int64_t begin, int64_t end) const;

 private:
  static constexpr auto kRelaxed = std::memory_order_relaxed;
  static constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

  struct Chunk {
    explicit Chunk(size_t dimension) : vectors(kChunkRows * dimension) {}
    AlignedBuffer<float> vectors;           // [kChunkRows, d]
    std::array<float, kChunkRows> lengths;  // of the vectors
    std::array<std::string, kChunkRows> ids;
    std::array<AttributeRow, kChunkRows> attributes;
    std::array<int64_t, kChunkRows> previous;  // row of the same id, or -1
    std::array<std::atomic<uint64_t>, kChunkRows> died;
  };

  static int64_t Rows(size_t chunks) { return static_cast<int64_t>(chunks * kChunkRows); }
  static size_t In(int64_t row) { return static_cast<size_t>(row) % kChunkRows; }
  size_t ChunkOf(int64_t row) const { return static_cast<size_t>(row - first_) / kChunkRows; }
  Chunk& At(int64_t row) const { return *chunks_[ChunkOf(row)]; }
  // The place of the id in the table, or the free one where it would be, and the row found there.
  struct Place {
    size_t slot;
    int64_t row;
  };
  Place Locate(std::string_view id) const;

  size_t dimension_;
  int64_t first_;                               // row of the first chunk; a multiple of kChunkRows
  std::vector<std::shared_ptr<Chunk>> chunks_;  // null where there are no rows yet
  // A hash table with open addressing, at most half full: the last row of each id, or -1.
  std::vector<std::atomic<int64_t>> slots_;
};

}  // namespace tandem::index
