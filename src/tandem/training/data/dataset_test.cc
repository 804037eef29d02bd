#include "tandem/training/data/dataset.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tandem::data {
namespace {

using feature::Vocabulary;
using Rows = std::vector<int32_t>;

Interactions Sample() {
  Interactions sample;
  sample.users = Vocabulary::Build({"1", "2", "3"}).value();
  sample.items = Vocabulary::Build({"10", "20", "30"}).value();
  sample.user = {0, 1, 2};
  sample.item = {2, 0, 1};
  sample.rating = {5, 4, 3};
  sample.time = {7, 8, 9};
  return sample;
}

Catalogue Films() {
  Catalogue films;
  films.ids = Vocabulary::Build({"10", "15"}).value();
  films.titles = {"Ten", "Fifteen"};
  films.categories = Vocabulary::Build({"Comedy", "Drama"}).value();
  films.category_offsets = {0, 2, 3};
  films.category = {1, 2, 2};
  return films;
}

TEST(SelectTest, KeepsTheVocabulariesAndTheOrderOfTheRows) {
  const Interactions selected = Select(Sample(), std::vector<int64_t>{2, 0});
  EXPECT_EQ(selected.user, (Rows{2, 0}));
  EXPECT_EQ(selected.item, (Rows{1, 2}));
  EXPECT_EQ(selected.rating, (std::vector<float>{3, 5}));
  EXPECT_EQ(selected.time, (std::vector<int64_t>{9, 7}));
  EXPECT_EQ(selected.users.size(), 3);
}

TEST(AlignTest, GivesMinusOneToUnknownIds) {
  const Interactions aligned = Align(Sample(), Vocabulary::Build({"2", "3", "4"}).value(),
                                     Vocabulary::Build({"30"}).value());
  EXPECT_EQ(aligned.user, (Rows{-1, 0, 1}));
  EXPECT_EQ(aligned.item, (Rows{0, -1, -1}));
  // Unknown stays unknown.
  EXPECT_EQ(Align(aligned, Sample().users, Sample().items).item, (Rows{2, -1, -1}));
}

TEST(MakeDatasetTest, UnitesItemsAndDropsUsersThatAreNotInTraining) {
  const Interactions train = Select(Sample(), std::vector<int64_t>{0, 1});
  const Dataset dataset = MakeDataset(train, Films()).value();
  EXPECT_EQ(dataset.train.users.tokens(), (std::vector<std::string>{"1", "2"}));
  // 20 is only in a row that was left out; 15 only in the catalogue.
  EXPECT_EQ(dataset.catalogue.ids.tokens(), (std::vector<std::string>{"10", "15", "30"}));
  EXPECT_EQ(dataset.train.items, dataset.catalogue.ids);
  EXPECT_EQ(dataset.train.item, (Rows{2, 0}));
  EXPECT_EQ(dataset.catalogue.titles, (std::vector<std::string>{"Ten", "Fifteen", "30"}));
  EXPECT_EQ(dataset.catalogue.category_offsets, (std::vector<int64_t>{0, 2, 3, 3}));
  EXPECT_EQ(dataset.catalogue.CategoriesOf(1).size(), 1u);
  EXPECT_EQ(dataset.catalogue.CategoriesOf(1)[0], 2);
  EXPECT_TRUE(dataset.catalogue.CategoriesOf(2).empty());
}

TEST(MakeDatasetTest, WorksWithoutACatalogue) {
  const Dataset dataset = MakeDataset(Sample(), Catalogue()).value();
  EXPECT_EQ(dataset.catalogue.titles, (std::vector<std::string>{"10", "20", "30"}));
}

TEST(MakeDatasetTest, RefusesNothingToTrainOnAndUnknownRows) {
  EXPECT_EQ(MakeDataset(Interactions(), Films()).status().message(),
            "there are no interactions to train on");
  Interactions unknown = Sample();
  unknown.item[1] = -1;
  EXPECT_EQ(MakeDataset(unknown, Films()).status().message(),
            "interaction 1 has an unknown user or item");
}

}  // namespace
}  // namespace tandem::data
