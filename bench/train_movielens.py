"""`tandem train examples/movielens/movielens.toml` as the README has it: two trainings, evaluation, export."""
from harness import OUT, expect_between, train

NAME = "train-movielens"
ABOUT = "seconds of the README's training, with its metrics"


def run_scenario(options, report):
    report.no_peer("the others train other models")
    seconds = []
    for _ in range(options.repetitions):
        epochs, metrics, took = train("movielens.toml", OUT / "bundles" / "movielens", keep=True)
        expect_between("the number of epochs told", len(epochs), 600, 600)  # 300 to judge, 300 on all rows
        expect_between("acc@10", metrics["acc@10"], 0.085, 0.12)
        expect_between("acc@100", metrics["acc@100"], 0.34, 0.44)
        expect_between("RMSE", metrics["RMSE"], 0.86, 0.93)
        seconds.append(took)
    report.add("from start to bundle", seconds, "s", at_most=60)
    for name in ("acc@10", "acc@100", "RMSE"):
        report.add(name, metrics[name])
