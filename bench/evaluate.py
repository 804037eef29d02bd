"""Evaluating 20,000 test rows: top-1 to top-100 over the whole catalogue, with and without the films that a user has
seen, and ratings; for the model, and for the three baselines that are shown beside it."""
import json
import shutil
import subprocess
import time

from harness import EXAMPLE, OUT, TANDEM, expect, expect_between, peer_environment, peer_script, run
from ratings import Ratings

NAME = "evaluate"
ABOUT = "seconds for 20,000 rows at top-100, beside TensorFlow Recommenders"


def run_scenario(options, report):
    ratings = Ratings(options)
    report.note(f"{ratings.name}, {ratings.test_rows:,} test rows")
    seconds = [evaluation_seconds(ratings.settings) for _ in range(max(5, options.repetitions))]
    report.add("Tandem, model and three baselines", seconds, "s", at_most=0.3)
    script = peer_script(options, "tfrs_multitask.py", report) if ratings.is_ml100k else None
    if not ratings.is_ml100k:
        report.no_peer("it reads MovieLens 100K; give --data DIR with DIR/ml-100k")
    if script:
        text, _ = run(script + ["--data", ratings.folder, "--epochs", 1], env=peer_environment())
        peer = json.loads(text.splitlines()[-1])
        ratios = [peer["eval_wall_s"] / s for s in seconds]
        report.add("TensorFlow Recommenders, model.evaluate of the model", peer["eval_wall_s"], "s")
        report.add("ratio", ratios, "x")


def evaluation_seconds(settings):
    """Between the line that announces the evaluation and the first line of its table."""
    out = OUT / "scratch"
    shutil.rmtree(out, ignore_errors=True)
    command = [TANDEM, "train", EXAMPLE / "multitask-parity.toml", "--out", out, "--set", "training.epochs=1"]
    for key, value in settings:
        command += ["--set", f"{key}={value}"]
    begin = end = None
    rows = {}
    with subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            now = time.monotonic()
            if line.startswith("evaluating on "):
                begin = now
            elif begin is not None and end is None:
                end = now
                columns = line.split()
            elif end is not None and len(line.split()) >= len(columns):
                fields = line.split()
                rows[" ".join(fields[:-len(columns)])] = dict(zip(columns, fields[-len(columns):]))
    shutil.rmtree(out)
    expect(process.returncode == 0 and end is not None, f"tandem train ended with {process.returncode}")
    expect({"model", "most popular", "global mean", "user+item bias"} <= set(rows), f"the table has {sorted(rows)}")
    expect_between("acc@100 of most popular", float(rows["most popular"]["acc@100"]), 0.2, 0.5)
    expect_between("acc@100 of the model after an epoch", float(rows["model"]["acc@100"]), 0.05, 0.4)
    expect_between("RMSE of user+item bias", float(rows["user+item bias"]["RMSE"]), 0.85, 0.96)
    return end - begin
