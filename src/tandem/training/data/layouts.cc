#include "tandem/training/data/layouts.h"

namespace tandem::data {
namespace {

using feature::ColumnNamed;
using feature::ColumnNumber;

feature::FileLayout Plain(const std::string& delimiter, format::Encoding encoding) {
  feature::FileLayout layout;
  layout.csv.multi_delimiter = delimiter;
  layout.csv.quotes = false;
  layout.csv.encoding = encoding;
  layout.has_header = false;
  return layout;
}

Layout NumberedColumns(const feature::FileLayout& interactions, const feature::FileLayout& items) {
  Layout layout;
  layout.interactions = {interactions, ColumnNumber(1), ColumnNumber(2), ColumnNumber(3),
                         ColumnNumber(4)};
  layout.items.layout = items;
  layout.items.id = ColumnNumber(1);
  layout.items.title = ColumnNumber(2);
  return layout;
}

Layout MovieLens100K() {
  Layout layout = NumberedColumns(Plain("\t", format::Encoding::kLatin1),
                                  Plain("|", format::Encoding::kLatin1));
  // u.item: id, title, release date, video release date, URL, then one 0/1 column a genre.
  layout.items.category_flags = {
      6,
      {"unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime",
       "Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance",
       "Sci-Fi", "Thriller", "War", "Western"}};
  return layout;
}

Layout MovieLens1M() {
  const feature::FileLayout dat = Plain("::", format::Encoding::kLatin1);
  Layout layout = NumberedColumns(dat, dat);
  layout.items.categories = ColumnNumber(3);
  return layout;
}

Layout MovieLensSmall() {
  Layout layout;
  layout.interactions.user = ColumnNamed("userId");
  layout.interactions.item = ColumnNamed("movieId");
  layout.interactions.rating = ColumnNamed("rating");
  layout.interactions.time = ColumnNamed("timestamp");
  layout.items.id = ColumnNamed("movieId");
  layout.items.title = ColumnNamed("title");
  layout.items.categories = ColumnNamed("genres");
  layout.items.no_category = "(no genres listed)";
  return layout;
}

Layout Tsv() {
  const feature::FileLayout tsv = Plain("\t", format::Encoding::kUtf8);
  Layout layout = NumberedColumns(tsv, tsv);
  layout.items.categories = ColumnNumber(3);
  return layout;
}

}  // namespace

Result<Layout> PresetLayout(std::string_view name) {
  if (name == "movielens-100k") return MovieLens100K();
  if (name == "movielens-1m") return MovieLens1M();
  if (name == "movielens-small") return MovieLensSmall();
  if (name == "tsv") return Tsv();
  return InvalidArgumentError("layout '", name,
                              "' is not known; the choices are movielens-100k, movielens-1m, "
                              "movielens-small, tsv");
}

}  // namespace tandem::data
