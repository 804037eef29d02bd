// A model of somebody else's: DeepFM (Guo et al., 2017) with an absolute error, written as a user
// of the library would. It brings a forward pass and a loss out of the tape's ops, and nothing of
// the backward pass, the steps or the optimizer.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tandem/nn/layers.h"
#include "tandem/nn/ops.h"
#include "tandem/training/model.h"
#include "tandem/training/solver/bias.h"
#include "tandem/training/trainer.h"

namespace tandem::training {
namespace {

constexpr size_t kDimension = 8;
constexpr float kDropout = 0.1F;

// rating(u, i) = b_u + b_i + v_u . v_i + mlp(v_u | v_i)
class DeepFm final : public Model {
 public:
  DeepFm(size_t users, size_t items, const Rng& rng)
      : user_("fm/user", users, kDimension, nn::Initializer::Normal(0.1F), rng),
        item_("fm/item", items, kDimension, nn::Initializer::Normal(0.1F), rng),
        user_bias_("fm/user_bias", users, 1, nn::Initializer::Zeros(), rng),
        item_bias_("fm/item_bias", items, 1, nn::Initializer::Zeros(), rng),
        first_("deep/0", 2 * kDimension, 32, nn::Activation::kRelu, rng),
        second_("deep/1", 32, 16, nn::Activation::kRelu, rng),
        third_("deep/2", 16, 1, nn::Activation::kNone, rng) {}

  // [n, 1] for n pairs of rows. In training some of the embeddings' numbers drop out.
  nn::Var Forward(nn::Tape& tape, std::span<const int32_t> users,
                  std::span<const int32_t> items) const {
    const nn::Var user = user_.Lookup(tape, users);
    const nn::Var item = item_.Lookup(tape, items);
    const nn::Var linear = nn::Add(user_bias_.Lookup(tape, users), item_bias_.Lookup(tape, items));
    const nn::Var both = nn::Dropout(nn::Concat(user, item), kDropout, /*stream=*/0);
    const nn::Var hidden = nn::Dropout(first_.Forward(both), kDropout, /*stream=*/1);
    const nn::Var deep = third_.Forward(second_.Forward(hidden));
    return nn::Add(nn::Add(linear, nn::RowDot(user, item)), deep);
  }

  // The sum of |error|, which no op gives: relu(e) + relu(-e).
  nn::Var ComputeLoss(nn::Tape& tape, const data::Batch& batch) override {
    std::vector<int32_t> users;
    std::vector<int32_t> items;
    for (size_t i = 0; i < batch.query_of.size(); ++i) {
      users.push_back(batch.queries[static_cast<size_t>(batch.query_of[i])]);
      items.push_back(batch.items[static_cast<size_t>(batch.item_of[i])]);
    }
    const nn::Var truth = nn::Constant(tape, batch.ratings, batch.ratings.size(), 1);
    const nn::Var error = nn::Subtract(Forward(tape, users, items), truth);
    return nn::Sum(nn::Add(nn::Relu(error), nn::Relu(nn::Scale(error, -1))));
  }

  std::vector<nn::Parameter*> Parameters() override {
    return {&user_.table, &item_.table,    &user_bias_.table, &item_bias_.table, &first_.kernel,
            &first_.bias, &second_.kernel, &second_.bias,     &third_.kernel,    &third_.bias};
  }

 private:
  nn::EmbeddingTable user_;
  nn::EmbeddingTable item_;
  nn::EmbeddingTable user_bias_;
  nn::EmbeddingTable item_bias_;
  nn::DenseLayer first_;
  nn::DenseLayer second_;
  nn::DenseLayer third_;
};

constexpr int32_t kUsers = 60;
constexpr int32_t kItems = 45;

// A user likes every third item: 5 stars where u and i leave the same remainder, else 2.
float Stars(int32_t user, int32_t item) { return user % 3 == item % 3 ? 5.0F : 2.0F; }

struct Pairs {
  data::Interactions train;
  data::Interactions test;
};

// All 2700 pairs, a fifth of them (drawn by chance) to test on.
Pairs AllPairs() {
  Pairs pairs;
  std::vector<std::string> users;
  std::vector<std::string> items;
  for (int32_t user = 0; user < kUsers; ++user) users.push_back(StrCat(user));
  for (int32_t item = 0; item < kItems; ++item) items.push_back(StrCat(item));
  Rng rng(5);
  for (data::Interactions* part : {&pairs.train, &pairs.test}) {
    part->users = feature::Vocabulary::Build(users).value();
    part->items = feature::Vocabulary::Build(items).value();
  }
  for (int32_t user = 0; user < kUsers; ++user) {
    for (int32_t item = 0; item < kItems; ++item) {
      data::Interactions& part = rng.UniformInt(5) == 0 ? pairs.test : pairs.train;
      part.user.push_back(user);
      part.item.push_back(item);
      part.rating.push_back(Stars(user, item));
      part.time.push_back(0);
    }
  }
  return pairs;
}

Status Train(DeepFm& model, const Pairs& pairs, size_t threads, std::vector<double>& losses) {
  Workers workers(threads);
  const FitOptions options{
      .seed = 9,
      .epochs = 40,
      .batch_size = 300,
      .reshuffle = true,
      .optimizer = {.kind = OptimizerKind::kAdam, .learning_rate = 0.02, .cooldown = 0.5}};
  return Fit(model, pairs.train, data::MakeHistory(pairs.train), options, Env::Posix(), workers,
             [&losses](const EpochReport& report) { losses.push_back(report.loss); });
}

template <typename Predict>
double MeanAbsoluteError(const data::Interactions& rows, Predict predict) {
  double sum = 0;
  for (size_t i = 0; i < rows.user.size(); ++i) {
    sum += std::abs(predict(i) - static_cast<double>(rows.rating[i]));
  }
  return sum / static_cast<double>(rows.size());
}

TEST(DeepFm, LearnsARuleThatNoConstantAndNoBiasesCan) {
  const Pairs pairs = AllPairs();
  // A third of the pairs has 5 stars: always 2 is off by 3 for that third, 1 in the mean; no
  // constant is off by less. Every user and every item has the same mix of both, so biases of
  // users and items tell nothing either: always 3 is off by 2 and by 1, 4/3 in the mean.
  const double constant = MeanAbsoluteError(pairs.test, [](size_t) { return 2.0; });
  EXPECT_NEAR(constant, 1.0, 0.15);
  const solver::BiasModel bias = solver::SolveBias(pairs.train).value();
  EXPECT_GT(MeanAbsoluteError(
                pairs.test,
                [&](size_t i) { return bias.Predict(pairs.test.user[i], pairs.test.item[i]); }),
            1.2);

  DeepFm model(kUsers, kItems, Rng(1));
  std::vector<double> losses;
  const Status trained = Train(model, pairs, 2, losses);
  ASSERT_TRUE(trained.ok()) << trained;
  ASSERT_EQ(losses.size(), 40U);
  EXPECT_LT(losses.back(), losses.front() / 5);
  Workers workers(1);
  nn::Tape tape(workers);  // records nothing and drops nothing: the forward pass of a server
  const nn::Var predicted = model.Forward(tape, pairs.test.user, pairs.test.item);
  EXPECT_LT(MeanAbsoluteError(pairs.test,
                              [&](size_t i) { return static_cast<double>(predicted.values()[i]); }),
            0.1);
}

TEST(DeepFm, HasTheSameBytesWithOneThreadAndTwo) {
  const Pairs pairs = AllPairs();
  DeepFm one(kUsers, kItems, Rng(1));
  DeepFm two(kUsers, kItems, Rng(1));
  std::vector<double> losses_of_one;
  std::vector<double> losses_of_two;
  ASSERT_TRUE(Train(one, pairs, 1, losses_of_one).ok());
  ASSERT_TRUE(Train(two, pairs, 2, losses_of_two).ok());
  EXPECT_EQ(losses_of_one, losses_of_two);
  const std::vector<nn::Parameter*> of_one = one.Parameters();
  const std::vector<nn::Parameter*> of_two = two.Parameters();
  for (size_t i = 0; i < of_one.size(); ++i) {
    const std::span<const float> a = of_one[i]->value().values();
    const std::span<const float> b = of_two[i]->value().values();
    EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << of_one[i]->name();
  }
}

}  // namespace
}  // namespace tandem::training
