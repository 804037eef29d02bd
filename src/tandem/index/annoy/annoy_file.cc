#include "tandem/index/annoy/annoy_file.h"

#include <algorithm>
#include <utility>

namespace tandem::index::annoy {

Result<std::shared_ptr<const AnnoyFile>> AnnoyFile::Open(const Env& env, const std::string& path,
                                                         const AnnoyFileOptions& options) {
  TANDEM_ASSIGN_OR_RETURN(auto mapped, env.Map(path));
  auto sniffed = Sniff(mapped->view(), options);
  if (!sniffed.ok()) return sniffed.status().WithContext(path);
  return std::shared_ptr<const AnnoyFile>(
      new AnnoyFile(std::string(), std::move(mapped), std::move(sniffed).value()));
}

Result<std::shared_ptr<const AnnoyFile>> AnnoyFile::Parse(std::string bytes,
                                                          const AnnoyFileOptions& options) {
  TANDEM_ASSIGN_OR_RETURN(Sniffed sniffed, Sniff(bytes, options));
  return std::shared_ptr<const AnnoyFile>(
      new AnnoyFile(std::move(bytes), nullptr, std::move(sniffed)));
}

Status AnnoyFile::CopyVector(int64_t id, std::span<float> vector) const {
  if (!HasItem(id)) {
    return InvalidArgumentError("item ", id, ": there is none of this id; ids are below ",
                                n_items());
  }
  if (vector.size() != static_cast<size_t>(layout().dimension)) {
    return InvalidArgumentError("vector of ", vector.size(), " numbers: expected ",
                                layout().dimension);
  }
  Copy(id, vector);
  return Status();
}

void AnnoyFile::Copy(int64_t id, std::span<float> vector) const {
  if (layout().is_hamming()) {
    const std::span<const uint64_t> words = nodes_.Words(id);
    for (size_t i = 0; i < vector.size(); ++i) {
      vector[i] = (words[i / 64] >> (i % 64) & 1) != 0 ? 1.0F : 0.0F;
    }
  } else {
    std::copy_n(nodes_.Vector(id).data(), vector.size(), vector.data());
  }
}

Items AnnoyFile::CopyItems() const {
  Items items;
  items.dimension = layout().dimension;
  for (int32_t id = 0; id < n_items(); ++id) {
    if (HasItem(id)) items.ids.push_back(id);
  }
  const auto d = static_cast<size_t>(items.dimension);
  items.rows.resize(items.ids.size() * d);
  for (size_t row = 0; row < items.ids.size(); ++row) {
    Copy(items.ids[row], std::span(items.rows).subspan(row * d, d));
  }
  return items;
}

std::string AnnoyFile::Describe() const {
  return StrCat(layout().Name(), ", ", n_items(), " items, ", n_trees(), " trees");
}

}  // namespace tandem::index::annoy
