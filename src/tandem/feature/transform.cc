#include "tandem/feature/transform.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "tandem/base/checksum.h"
#include "tandem/base/rng.h"

namespace tandem::feature {

std::vector<int32_t> Lookup(const Vocabulary& vocabulary,
                            std::span<const std::string_view> tokens) {
  std::vector<int32_t> ids;
  ids.reserve(tokens.size());
  for (const std::string_view token : tokens) ids.push_back(vocabulary.Find(token));
  return ids;
}

int64_t HashBucket(std::string_view token, int64_t buckets, uint64_t salt) {
  Rng stream(Checksum(token) ^ Rng(salt).Next());
  return static_cast<int64_t>(stream.UniformInt(static_cast<uint64_t>(buckets)));
}

std::vector<std::string_view> SplitList(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> parts;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t found = separator.empty() ? text.size() : text.find(separator, begin);
    const size_t end = std::min(found, text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + std::max<size_t>(separator.size(), 1);
  }
  return parts;
}

Result<Bucketize> Bucketize::Create(std::vector<double> boundaries) {
  for (size_t i = 0; i < boundaries.size(); ++i) {
    const bool ascends = i == 0 || boundaries[i - 1] < boundaries[i];
    if (!std::isfinite(boundaries[i]) || !ascends) {
      return InvalidArgumentError("boundary ", i + 1, " is ", boundaries[i],
                                  ", expected finite and strictly ascending boundaries");
    }
  }
  return Bucketize(std::move(boundaries));
}

int32_t Bucketize::operator()(double value) const {
  if (std::isnan(value)) return 0;
  const auto above = std::upper_bound(boundaries_.begin(), boundaries_.end(), value);
  return static_cast<int32_t>(above - boundaries_.begin());
}

Result<Normalize> Normalize::Create(double mean, double deviation) {
  if (!std::isfinite(mean) || !std::isfinite(deviation) || deviation <= 0) {
    return InvalidArgumentError("mean ", mean, " and deviation ", deviation,
                                ", expected finite numbers and a deviation above 0");
  }
  return Normalize(mean, deviation);
}

Result<Normalize> Normalize::Fit(std::span<const double> values) {
  if (values.empty()) return InvalidArgumentError("no values to take a mean of");
  double sum = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) return InvalidArgumentError(value, " among the values to normalise");
    sum += value;
  }
  const double mean = sum / static_cast<double>(values.size());
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(values.size()));
  return Create(mean, deviation > 0 ? deviation : 1);
}

}  // namespace tandem::feature
