#include "tandem/index/annoy/sniff.h"

#include <algorithm>
#include <string>
#include <vector>

namespace tandem::index::annoy {
namespace {

constexpr size_t kLeastStride = 16;
constexpr size_t kMostListed = 6;

// The layouts of a node size, and of what was told.
std::vector<Layout> LayoutsOfStride(size_t stride, const AnnoyFileOptions& options) {
  struct Kind {
    AnnoyMetric metric;
    bool unreleased;
    size_t header;
  };
  std::vector<Layout> layouts;
  for (const Kind& kind :
       {Kind{AnnoyMetric::kAngular, false, 12}, Kind{AnnoyMetric::kEuclidean, false, 16},
        Kind{AnnoyMetric::kManhattan, false, 16}, Kind{AnnoyMetric::kDot, false, 16},
        Kind{AnnoyMetric::kDot, true, 24}, Kind{AnnoyMetric::kHamming, false, 16}}) {
    if (options.metric.has_value() && *options.metric != kind.metric) continue;
    if (stride <= kind.header) continue;
    const bool hamming = kind.metric == AnnoyMetric::kHamming;
    // Bits are counted in words: which dimension of the last 64 it is, the file does not tell.
    int64_t dimension = static_cast<int64_t>(stride - kind.header) / 4 * (hamming ? 32 : 1);
    if (hamming && options.dimension > 0 && options.dimension <= dimension) {
      dimension = options.dimension;
    }
    if (options.dimension > 0 && dimension != options.dimension) continue;
    const auto layout = Layout::Make(kind.metric, dimension, kind.unreleased);
    if (layout.ok() && layout->stride == stride) layouts.push_back(*layout);
  }
  return layouts;
}

// A look at what nearly every wrong node size fails.
bool MayHaveStride(std::string_view bytes, size_t stride) {
  Layout layout;
  layout.stride = stride;
  const Nodes nodes(bytes, layout);
  const int32_t n_items = nodes.Descendants(nodes.count() - 1);
  if (n_items < 1 || n_items >= nodes.count()) return false;
  for (int32_t item = 0; item < n_items; ++item) {
    if (nodes.Descendants(item) != 0 && nodes.Descendants(item) != 1) return false;
  }
  return true;
}

// Node sizes that divide the file into two nodes or more, multiples of 4, ascending.
std::vector<size_t> StridesOf(size_t bytes) {
  std::vector<size_t> strides;
  const auto add = [&](size_t stride) {
    if (stride % 4 == 0 && stride >= kLeastStride && stride <= bytes / 2) strides.push_back(stride);
  };
  for (size_t divisor = 1; divisor <= bytes / divisor; ++divisor) {
    if (bytes % divisor != 0) continue;
    add(divisor);
    if (divisor != bytes / divisor) add(bytes / divisor);
  }
  std::sort(strides.begin(), strides.end());
  return strides;
}

std::vector<Sniffed> AllThatFit(std::string_view bytes, const AnnoyFileOptions& options,
                                Strictness strictness) {
  std::vector<Sniffed> fits;
  std::vector<Sniffed> weak;
  for (const size_t stride : StridesOf(bytes.size())) {
    if (!MayHaveStride(bytes, stride)) continue;
    for (const Layout& layout : LayoutsOfStride(stride, options)) {
      const Nodes nodes(bytes, layout);
      auto forest = CheckNodes(nodes, strictness);
      if (!forest.ok()) continue;
      // What many files look like by chance: one item, which has no tree, and angular without
      // norms.
      const bool is_weak = forest->n_items == 1 || (layout.metric == AnnoyMetric::kAngular &&
                                                    LacksNorms(nodes, forest->n_items));
      (is_weak ? weak : fits).push_back({layout, std::move(forest).value()});
    }
  }
  // With the norm and the flag of the main branch taken as two coordinates, all its items are on
  // one sphere of a released dot too.
  for (size_t i = 0; i < fits.size(); ++i) {
    if (!fits[i].layout.unreleased) continue;
    const size_t stride = fits[i].layout.stride;
    const auto is_shadow = [&](const Sniffed& fit) {
      return fit.layout.stride == stride && fit.layout.metric == AnnoyMetric::kDot &&
             !fit.layout.unreleased;
    };
    fits.erase(std::remove_if(fits.begin(), fits.end(), is_shadow), fits.end());
    break;
  }
  return fits.empty() ? weak : fits;
}

std::string NamesOf(const std::vector<Sniffed>& fits) {
  std::string names;
  for (size_t i = 0; i < std::min(fits.size(), kMostListed); ++i) {
    names += (i == 0 ? "" : ", ") + fits[i].layout.Name();
  }
  return fits.size() > kMostListed ? names + ", ..." : names;
}

// What is wrong with a file of which metric and dimension were told.
Status WhyNot(std::string_view bytes, const AnnoyFileOptions& options) {
  TANDEM_ASSIGN_OR_RETURN(const Layout layout, Layout::Make(*options.metric, options.dimension));
  Status why;
  if (bytes.size() % layout.stride != 0) {
    why =
        DataLossError("expected nodes of ", layout.stride, " bytes, got a file of ", bytes.size());
  } else {
    why = CheckNodes(Nodes(bytes, layout), Strictness::kSafe).status();
  }
  const auto others = AllThatFit(bytes, {}, Strictness::kUsual);
  return Status(why.code(),
                StrCat("not an Annoy index that is ", layout.Name(), ": ", why.message(),
                       others.empty() ? "" : "; what fits is ", NamesOf(others)));
}

}  // namespace

Result<Sniffed> Sniff(std::string_view bytes, const AnnoyFileOptions& options) {
  if (options.dimension < 0 || options.dimension > kMaxDimension) {
    return InvalidArgumentError("dimension ", options.dimension, ": expected 1 to ", kMaxDimension,
                                ", or 0 where it is not known");
  }
  const bool all_told = options.metric.has_value() && options.dimension > 0;
  std::vector<Sniffed> fits =
      AllThatFit(bytes, options, all_told ? Strictness::kSafe : Strictness::kUsual);
  if (fits.size() == 1) return std::move(fits[0]);
  if (fits.size() > 1) {
    return FailedPreconditionError("more than one metric or dimension fits the Annoy index: ",
                                   NamesOf(fits), "; tell which (--metric, --dimension)");
  }
  if (all_told) return WhyNot(bytes, options);
  const std::string told = options.metric.has_value()
                               ? StrCat(" that is ", AnnoyMetricName(*options.metric))
                           : options.dimension > 0 ? StrCat(" of dimension ", options.dimension)
                                                   : "";
  return DataLossError(
      "not an Annoy index", told, ", or a damaged one: no metric and dimension fit ", "its ",
      bytes.size(), " bytes; tell both (--metric, --dimension) to hear ", "what is wrong with it");
}

}  // namespace tandem::index::annoy
