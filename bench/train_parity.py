"""The multitask model of TensorFlow Recommenders, B = 8192: samples a second, and the same quality."""
import json
import statistics

from harness import OUT, expect_between, peer_environment, peer_script, run, train
from ratings import Ratings

NAME = "train-parity"
ABOUT = "samples/s of the multitask model, beside TensorFlow Recommenders"
SPEED_EPOCHS = 20
EPOCHS = 3  # of the config, and of the tutorial


def run_scenario(options, report):
    ratings = Ratings(options)
    report.note(f"{ratings.name}, {ratings.train_rows:,} training rows")
    script = peer_script(options, "tfrs_multitask.py", report) if ratings.is_ml100k else None
    if not ratings.is_ml100k:
        report.no_peer("it reads MovieLens 100K; give --data DIR with DIR/ml-100k")
    ours, theirs, ratios, peer = [], [], [], None
    for _ in range(options.repetitions):
        ours.append(steady(ratings.settings))
        if script:
            text, _ = run(script + ["--data", ratings.folder, "--epochs", EPOCHS, "--no-keras-eval"],
                          env=peer_environment())
            peer = json.loads(text.splitlines()[-1])
            theirs.append(peer["samples_per_s_steady_median"])
            ours.append(steady(ratings.settings))
            # Tandem before and after it: what else the machine did meanwhile weighs on both.
            ratios.append(statistics.mean(ours[-2:]) / theirs[-1])
    report.add("Tandem, median epoch", ours, "samples/s")
    if script:
        report.add("TensorFlow Recommenders, median epoch", theirs, "samples/s")
        report.add("ratio", ratios, "x", at_least=12)

    _, metrics, _ = train("multitask-parity.toml", OUT / "scratch", ratings.settings)
    accuracy, rmse = metrics["acc@100 (seen kept)"], metrics["RMSE"]
    report.add(f"Tandem, acc@100 with seen films after {EPOCHS} epochs", accuracy)
    report.add(f"Tandem, RMSE after {EPOCHS} epochs", rmse)
    if ratings.is_ml100k:
        expect_between("acc@100", accuracy, 0.20, 0.30)
    else:
        expect_between("acc@100", accuracy, 0.08, 0.20)
    expect_between("RMSE", rmse, 0.95, 1.15)
    if peer:
        report.add("TensorFlow Recommenders, the same acc@100", peer["top"]["100"])
        report.add("TensorFlow Recommenders, RMSE", peer["rmse"])
        expect_between("acc@100 less the peer's", accuracy - peer["top"]["100"], -0.02, 0.05)
        expect_between("RMSE less the peer's", rmse - peer["rmse"], -0.25, 0.1)


def steady(settings):
    """Samples a second of the median epoch after the first."""
    epochs, _, _ = train("multitask-parity.toml", OUT / "scratch", settings + [("training.epochs", SPEED_EPOCHS)])
    return statistics.median(e["samples_per_second"] for e in epochs[1:])
