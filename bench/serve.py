"""Requests a second at 32 connections (wrk). First the app alone on one core, wrk on another, the example bundle: what
a recommendation costs over /healthz. Then everything on the same two cores, users at random: the model in process, over
gRPC from the model server, and the stack of the article (Flask, a TensorFlow model server, Annoy) in its variants. Both
sides then serve the multitask model of MovieLens 100K, which --data names; without it Tandem serves the example."""
import json
import os
import statistics

from harness import OUT, bundle_of_example, expect, peer_environment, peer_script, run, train
from ratings import Ratings
from servers import app_server, expect_answer, expected_titles, model_server, wrk
from start import USERS as EXAMPLE_USERS

NAME = "serve"
ABOUT = "requests/s of the app in process and over gRPC, beside the article's stack"
CONNECTIONS = 32
ML100K_USERS = 943  # "1" to "943"
FIRST = "dev"  # the article's own way: Flask's server, a channel for each request
VARIANTS = "dev,dev-keep,gunicorn,gunicorn-keep"


def run_scenario(options, report):
    cores = sorted(os.sched_getaffinity(0))[:2]
    expect(len(cores) == 2, "serve needs two cores")
    base = bundle_of_example(report)
    titles = expected_titles(base, "42")
    compared, users = compared_bundle(options, report)
    compared_titles = expected_titles(compared, "42")
    script = OUT / "users.lua"
    script.write_text(f'request = function() return wrk.format("GET", "/recommend/" .. math.random(1, {users})) end\n')
    peer = PeerStack(options, report, cores)

    runs = []
    for _ in range(options.repetitions):
        runs.append({**one_core(base, titles, options.seconds, cores),
                     **two_cores(compared, compared_titles, options.seconds, cores, script),
                     **peer.variants(options.seconds)})

    def figures(name):
        return [r[name] for r in runs]

    report.add("one core: /healthz", figures("healthz"), "requests/s")
    report.add("one core: /recommend/42", figures("recommend"), "requests/s")
    report.add("one core: /recommend/42 over /healthz", figures("share"), "x", at_least=0.5)
    report.add("one core: CPU of /healthz", figures("healthz_cpu"), "us")
    report.add("one core: CPU of /recommend/42", figures("recommend_cpu"), "us")
    report.add("two cores: in process", figures("process"), "requests/s")
    report.add("two cores: in process, p99", figures("process_p99"), "ms")
    report.add("two cores: over gRPC", figures("hop"), "requests/s")
    report.add("two cores: over gRPC, p99", figures("hop_p99"), "ms")
    if not peer.command:
        return
    names = VARIANTS.split(",")
    best = max(names, key=lambda name: statistics.median(figures(name)))
    for name in names:
        report.add(f"two cores: the article's stack, {name}", figures(name), "requests/s")
    report.add(f"in process over {FIRST}", [r["process"] / r[FIRST] for r in runs], "x", at_least=30)
    report.add(f"over gRPC over {best}", [r["hop"] / r[best] for r in runs], "x", at_least=10)


def compared_bundle(options, report):
    """Base path and number of users of the model that the comparison serves."""
    ratings = Ratings(options)
    if not ratings.is_ml100k:
        return bundle_of_example(report), EXAMPLE_USERS
    base = OUT / "bundles" / "ml-100k"
    if not (base / "1" / "manifest.json").is_file():
        report.note("training examples/movielens/multitask-parity.toml on MovieLens 100K")
        train("multitask-parity.toml", base, ratings.settings, keep=True)
    return base, ML100K_USERS


def one_core(base, titles, seconds, cores):
    server_core, wrk_core = map(str, cores)
    measured = {}
    with app_server(base, cores=server_core) as app:
        expect_answer(app.port, "42", titles)
        for name, path in (("healthz", "/healthz"), ("recommend", "/recommend/42")):
            before = app.cpu_seconds()
            load = wrk(app.port, CONNECTIONS, seconds, path, cores=wrk_core)
            measured[name] = load["rps"]
            measured[f"{name}_cpu"] = (app.cpu_seconds() - before) / load["requests"] * 1e6
        expect_answer(app.port, "42", titles)
    measured["share"] = measured["recommend"] / measured["healthz"]
    return measured


def two_cores(base, titles, seconds, cores, script):
    both = ",".join(map(str, cores))
    with app_server(base, cores=both) as app:
        expect_answer(app.port, "42", titles)
        process = wrk(app.port, CONNECTIONS, seconds, script=script, cores=both)
        expect_answer(app.port, "42", titles)
    with model_server(base, cores=both) as model, app_server(base, model, cores=both) as app:
        expect_answer(app.port, "42", titles, remote=True)
        hop = wrk(app.port, CONNECTIONS, seconds, script=script, cores=both)
        expect_answer(app.port, "42", titles, remote=True)
    return {"process": process["rps"], "process_p99": process["p99"], "hop": hop["rps"], "hop_p99": hop["p99"]}


class PeerStack:
    """The article's stack on its own model, trained and exported once."""

    def __init__(self, options, report, cores):
        self.command = None
        if options.data is None:
            report.no_peer("its model is trained on MovieLens 100K; give --data DIR with DIR/ml-100k")
            return
        train = peer_script(options, "tfrs_multitask.py", report)
        if train is None:
            return
        data = ["--data", os.path.join(os.path.abspath(options.data), "ml-100k")]
        export = ["--export", OUT / "peer-export"]
        if not (OUT / "peer-export" / "content_embedding.tree").exists():
            report.note("training and exporting the article's model")
            run(train + data + export, env=peer_environment())
            run(peer_script(options, "blog_stack/build_index.py", report) + data + export, env=peer_environment())
        pin = ["taskset", "-c", ",".join(map(str, cores))]
        self.command = pin + peer_script(options, "blog_stack/bench.py", report) + export + [
            "--variants", VARIANTS, "--connections", CONNECTIONS]

    def variants(self, seconds):
        """Requests a second of each."""
        if not self.command:
            return {}
        text, _ = run(self.command + ["--seconds", seconds], env=peer_environment())
        rates = {}
        for line in text.splitlines():
            variant = json.loads(line)
            load = variant["load"][0]
            expect(not load["errors"], f"the article's stack, {variant['variant']}: {load['errors']}")
            rates[variant["variant"]] = load["rps"]
        return rates
