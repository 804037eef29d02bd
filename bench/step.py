"""The parts of a training step, and what share they reach of the products of the same shapes alone."""
import json
import statistics

from harness import OUT, expect, run

NAME = "step"
ABOUT = "GFLOP/s of softmax, MLP and whole step, and their share of oneDNN's"
PARTS = ("softmax", "mlp")


def run_scenario(options, report):
    report.no_peer("oneDNN's bare products stand beside each part")
    repetitions = max(5, options.repetitions)
    text, _ = run([OUT / "step_bench", f"--benchmark_repetitions={repetitions}", "--benchmark_min_time=0.2",
                   "--benchmark_enable_random_interleaving=true", "--benchmark_format=json"])
    result = json.loads(text)
    flops = {}
    for entry in result["benchmarks"]:
        if entry["run_type"] == "iteration":
            part, threads, *_ = entry["run_name"].split("/")
            flops.setdefault((part, int(threads)), []).append(entry["FLOPS"] / 1e9)
    context = result["context"]
    report.note(f"B = 8192, {context['users']} users, {context['items']} items, kernels {context['kernels']}")
    for threads in (1, 2):
        suffix = f"{threads} thread{'s' if threads > 1 else ''}"
        for part in PARTS:
            ours, bare = flops[part, threads], flops[f"{part}_products", threads]
            expect(len(ours) == len(bare) == repetitions, f"step_bench left out runs of {part}")
            report.add(f"{part}, {suffix}", ours, "GFLOP/s")
            report.add(f"{part}, oneDNN alone, {suffix}", bare, "GFLOP/s")
            report.add(f"{part}, share, {suffix}", statistics.median(ours) / statistics.median(bare))
        report.add(f"whole step, {suffix}", flops["step", threads], "GFLOP/s")
    for part in PARTS + ("step",):
        report.add(f"{part}, 2 threads over 1", statistics.median(flops[part, 2]) / statistics.median(flops[part, 1]), "x")
