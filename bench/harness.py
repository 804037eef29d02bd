"""What every scenario uses: options, repeated runs, assertions, figures with their bounds, JSON and a table.

A scenario is a module with NAME, ABOUT and run_scenario(options, report). It raises Wrong where an answer is not the expected
one. A figure that misses its bound is marked "missed": it depends on the machine, a wrong answer does not.
"""
import json
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "bench"
TANDEM = ROOT / "build" / "release" / "tandem"
EXAMPLE = ROOT / "examples" / "movielens"
SEED = 7


class Wrong(Exception):
    """An answer is not the expected one, or a program failed."""


def expect(condition, what):
    if not condition:
        raise Wrong(what)


def expect_between(what, value, low, high):
    expect(low <= value <= high, f"{what} is {value}, expected {low} to {high}")


class Report:
    """The figures of one scenario, in order."""

    def __init__(self, name):
        self.name = name
        self.figures = []
        self.notes = []
        self.load_before = os.getloadavg()

    def add(self, what, values, unit="", at_least=None, at_most=None):
        """The median of `values` (a number or a list), beside the bound that it should keep."""
        values = values if isinstance(values, list) else [values]
        value = statistics.median(values)
        figure = {"what": what, "value": value, "unit": unit, "values": values}
        if at_least is not None:
            figure.update(bound=f">= {at_least:g}", met=value >= at_least)
        if at_most is not None:
            figure.update(bound=f"<= {at_most:g}", met=value <= at_most)
        self.figures.append(figure)
        return value

    def note(self, text):
        self.notes.append(text)
        print(f"  {text}", flush=True)

    def no_peer(self, why):
        self.note(f"no peer: {why}")

    @property
    def missed(self):
        return [f["what"] for f in self.figures if f.get("met") is False]

    def print_table(self):
        width = max((len(f["what"]) for f in self.figures), default=0)
        print(f"{self.name}  (load {self.load_before[0]:.1f} before, {os.getloadavg()[0]:.1f} after)")
        for f in self.figures:
            spread = f"  ({' '.join(number(v) for v in f['values'])})" if len(f["values"]) > 1 else ""
            bound = f"  {f['bound']} {'met' if f['met'] else 'MISSED'}" if "bound" in f else ""
            print(f"  {f['what']:<{width}}  {number(f['value']):>9} {f['unit']}{bound}{spread}")
        print(flush=True)

    def write(self):
        OUT.mkdir(parents=True, exist_ok=True)
        path = OUT / f"{self.name}.json"
        path.write_text(json.dumps({
            "scenario": self.name, "machine": machine(), "load": [self.load_before[0], os.getloadavg()[0]],
            "figures": self.figures, "notes": self.notes}, indent=1) + "\n")


def number(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def machine():
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    return {"cpu": model, "processors": len(os.sched_getaffinity(0)), "commit": commit.strip()}


def peer_environment():
    """Without settings of the linear algebra that are meant for other programs."""
    return {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}


def run(command, limit=900, **kwargs):
    """Runs to the end; returns stdout and the seconds it took."""
    begin = time.monotonic()
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=limit, check=False, **kwargs)
    seconds = time.monotonic() - begin
    if done.returncode != 0:
        raise Wrong(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout, seconds


def train(config, out, settings=(), keep=False):
    """`tandem train --json`; the epochs, the metrics and the seconds. The bundle stays in `out` with keep."""
    shutil.rmtree(out, ignore_errors=True)
    command = [TANDEM, "train", EXAMPLE / config, "--out", out, "--json"]
    for key, value in settings:
        command += ["--set", f"{key}={value}"]
    text, seconds = run(command)
    lines = [json.loads(line) for line in text.splitlines()]
    if not keep:
        shutil.rmtree(out)
    return lines[:-1], lines[-1], seconds


def peer_script(options, script, report):
    """The command of a peer's script, or None with a note of what is missing."""
    if options.peers is None or options.peers_python is None:
        report.no_peer("give --peers DIR and --peers-python PYTHON to run beside it")
        return None
    path = Path(options.peers).resolve() / script
    expect(path.is_file(), f"--peers: there is no {path}")
    return [options.peers_python, str(path)]


def bundle_of_example(report):
    """The base path of the model of movielens.toml, trained once on the bundled ratings."""
    base = OUT / "bundles" / "movielens"
    if not (base / "1" / "manifest.json").is_file():
        report.note("training examples/movielens/movielens.toml")
        train("movielens.toml", base, keep=True)
    return base
