// Approximate search in large catalogues: lists of similar items (an inverted file), 4-bit codes in
// them, and the inner products of the best.
//
// Items are mapped to coordinates of which the first few hold most of what makes scores differ
// (score_space.h). k-means on the first of these makes the lists; an item is kept as its list and
// the 4-bit codes of what is left of it along the leading axes (math/nibbles.h), with a step for
// each list. A search orders the lists by the score of their centres and how far their items are
// spread, scans the codes of the first lists, keeps the candidates with the largest approximate
// scores, and scores these in float.
//
// How many lists and candidates it takes for the recall that is asked for is found at build, with
// queries of a sample whose true answers are known, and what was reached with other ones is kept
// as measured_recall. With a filter or exclusions more lists are searched, as their items lie
// deeper; where few items are admitted, all of them are scored. Never an item that is excluded or
// not admitted, always k where there are k, and scores are true ones. For the negative squared
// distance the coordinates are those that make it an inner product (inner_space.h).
//
// Memory: 4 d + h / 2 + 8 bytes an item, h about a third of d. Immutable and safe to search from
// many threads.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "tandem/base/parallel.h"
#include "tandem/index/inner_space.h"
#include "tandem/index/item_index.h"
#include "tandem/index/metric.h"
#include "tandem/index/snapshot_file.h"

namespace tandem::index {

struct IvfOptions {
  // Changes results.
  Metric metric = Metric::kDot;
  // The share of the true k best that a search should find, 0 < r < 1.
  double target_recall = 0.95;
  // Queries [q, d] as they will come, a few hundred or more; empty: items serve as queries. Lists
  // and codes are made for these.
  std::span<const float> sample_queries;
  // 0: four times the root of the number of items.
  int64_t lists = 0;
  uint64_t seed = 1;
  // Changes speed of the build alone.
  size_t threads = 1;
};

// What a search for k items takes, and the recall that it had on queries of the sample.
struct IvfEffort {
  int64_t k = 0;
  int64_t lists = 0;
  int64_t candidates = 0;
  double measured_recall = 0;
};

class IvfIndex final : public ItemIndex {
 public:
  ~IvfIndex() override;

  // Copies rows [n, d]. kInvalidArgument: d < 1, a length other than n * d, sample queries that are
  // no whole rows, a number that is not finite (named by its row), a target out of range, squares
  // beyond the range of float for kL2.
  static Result<std::unique_ptr<IvfIndex>> Create(std::span<const float> rows, int64_t n, int64_t d,
                                                  const IvfOptions& options = {});

  // From what Write has put into a file: mapped, not read, and nothing is computed.
  static Result<std::unique_ptr<IvfIndex>> Open(std::shared_ptr<const SnapshotFile> file);
  Status Write(SnapshotWriter& writer) const;

  Status Search(std::span<const float> queries, const SearchOptions& options,
                std::span<int32_t> ids, std::span<float> scores) const override;
  bool is_exact() const override { return false; }
  void CopyVector(int32_t row, std::span<float> vector) const override;
  int64_t size() const override { return static_cast<int64_t>(item_of_.size()); }
  int64_t dimension() const override { return static_cast<int64_t>(dimension_); }

  Metric metric() const { return space_.metric; }
  double target_recall() const { return target_recall_; }
  // For k = 10 and k = 100; searches for other k go between and beyond them.
  std::span<const IvfEffort> efforts() const { return efforts_; }
  int64_t lists() const { return static_cast<int64_t>(lists_); }
  // The axes that are kept as codes, h.
  int64_t axes() const { return static_cast<int64_t>(head_); }

 private:
  struct Query;      // a query as the scan takes it
  struct Candidate;  // a row of the lists and its approximate score
  struct Scratch;
  class Admission;  // which items may be found
  struct Owned;     // what the spans are of after Create

  IvfIndex();
  static Status Validate(std::span<const float> rows, int64_t n, int64_t d,
                         const IvfOptions& options);
  // Build. rows [n, d]; inner [n, width()], what coordinates are made of.
  void Fill(std::span<const float> rows, std::span<const float> inner,
            std::span<const float> queries, const IvfOptions& options, Workers& workers);
  void FillCodes(std::span<const float> points, std::span<const float> centroids,
                 std::span<const int32_t> list_of, Owned& owned, Workers& workers) const;
  void Adopt(std::shared_ptr<const Owned> owned);
  // queries [q, d]; none: items serve as queries.
  void Calibrate(std::span<const float> rows, std::span<const float> inner,
                 std::span<const float> queries, Workers& workers);
  void FindEfforts(std::span<const float> queries, std::span<const int32_t> truth,
                   std::span<const int32_t> selves, Workers& workers);
  void RankTruth(std::span<const int32_t> truth, std::span<const Candidate> found,
                 std::span<size_t> ranks) const;
  double MeasureRecall(std::span<const float> queries, std::span<const int32_t> truth,
                       std::span<const int32_t> selves, int64_t k, Workers& workers) const;

  // The length of a row as it is mapped.
  size_t width() const { return space_.Width(dimension_); }
  // Search.
  size_t RowsOf(size_t list) const { return list_begin_[list + 1] - list_begin_[list]; }
  bool IsItem(int32_t item) const { return static_cast<uint32_t>(item) < item_of_.size(); }
  Query Prepare(std::span<const float> query) const;
  void OrderLists(const Query& query, Scratch& scratch) const;
  // Fills scratch.found with at least `candidates` of the best in approximate score, or all that
  // are admitted; from the first `lists` lists, or more where these do not have `least`.
  void Collect(const Query& query, size_t lists, size_t candidates, size_t least,
               const Admission& admission, Scratch& scratch) const;
  void SearchOne(std::span<const float> query, size_t k, const Admission& admission,
                 Scratch& scratch, std::span<int32_t> ids, std::span<float> scores) const;
  // What a search takes that goes as deep as the `depth` best of all items.
  IvfEffort EffortFor(double depth) const;

  void ScoreCandidates(std::span<const float> query, Scratch& scratch) const;

  InnerSpace space_;  // of rows as they are mapped; its centre is of owner_ too
  size_t dimension_ = 0;
  size_t head_ = 0;  // h, a multiple of four
  size_t part_ = 0;  // axes of the centroids
  size_t lists_ = 0;
  double target_recall_ = 0;
  std::array<IvfEffort, 2> efforts_;
  // Of owner_, an Owned or a file, whose numbers of items may then be any.
  std::span<const float> query_map_;      // [h, width]
  std::span<const float> centroids_;      // [part + 1, lists]: by coordinate, the last the spread
  std::span<const float> steps_;          // [lists] of the codes
  std::span<const uint32_t> list_begin_;  // [lists + 1], rows
  std::span<const uint32_t> tile_begin_;  // [lists + 1], tiles of codes
  std::span<const uint8_t> codes_;        // tiles of h codes, those of a list together
  std::span<const float> rows_;           // [n, d] in the order of the lists
  std::span<const int32_t> item_of_;      // [n] the item row of each
  std::span<const int32_t> place_of_;     // [n] the row in the lists of each item
  std::shared_ptr<const void> owner_;
};

}  // namespace tandem::index
