"""`tandem index` for the scenario `index`: builds, measures and checks, as a user would from a shell."""
import contextlib
import fcntl
import json
import os
import subprocess
import tempfile
import time

from harness import TANDEM, Wrong, expect

PASSES_SECONDS = 1
OPENINGS = 20
BUILDS = 3


class Quiet:
    """Timed on one processor, and never while another who holds the lock measures."""

    def __init__(self, options):
        self.cpu, self.lock = options.cpu, options.lock

    @contextlib.contextmanager
    def held(self):
        with open(self.lock or os.devnull, "w", encoding="ascii") as file:
            if self.lock:
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def pin(self):
        if self.cpu is not None:
            os.sched_setaffinity(0, {self.cpu})


def tandem(*arguments, quiet=None):
    """stdout, seconds of wall, and of CPU with its threads. With `quiet` alone on its processor."""
    command = [str(TANDEM), *map(str, arguments)]
    with quiet.held() if quiet else contextlib.nullcontext(), tempfile.TemporaryFile("w+") as out, \
            tempfile.TemporaryFile("w+") as err:
        begin = time.monotonic()
        with subprocess.Popen(command, stdout=out, stderr=err, preexec_fn=quiet.pin if quiet else None) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - begin
        for file in (out, err):
            file.seek(0)
        if process.returncode != 0:
            raise Wrong(f"{' '.join(command)} ended with {process.returncode}: {err.read()[-2000:]}")
        return out.read(), wall, usage.ru_utime + usage.ru_stime


def has_ivf():
    return "--engine" in tandem("index", "build", "--help")[0]


class Index:
    """An index file of a data set. target: the recall that an approximate one is built for."""

    def __init__(self, data, quiet, engine="exact", target=None, rows="float"):
        self.data, self.quiet, self.engine, self.target = data, quiet, engine, target
        name = "-".join([engine, rows] + ([f"{target:g}"] if target else []))
        self.path = data.folder / f"{name}.index"
        arguments = ["--rows", rows] if rows != "float" else []
        arguments += ["--engine", engine, "--target-recall", target] if engine != "exact" else []
        if data.name == "kind0-100k-32" and engine == "exact":
            arguments += ["--attributes", data.attributes]
        times = BUILDS if engine == "exact" else 1
        self.build_cpu = [tandem("index", "build", data.items, "--out", self.path, *arguments, quiet=quiet)[2]
                          for _ in range(times)]
        self.bytes = self.path.stat().st_size

    @property
    def label(self):
        return "exact" if self.engine == "exact" else f"{self.engine} {self.target:g}"

    def measure(self, k, admit=None, exclude=None, few=False):
        """What `index bench --json` says. Wrong where an exact index has not found all."""
        queries = self.data.few_queries if few or self.data.large else self.data.queries
        restriction = self._restriction(admit, exclude)
        text, _, _ = tandem("index", "bench", self.path, "--queries", queries, "-k", k, "--json", "--seconds",
                            PASSES_SECONDS, *restriction, quiet=self.quiet)
        told = json.loads(text)
        if self.engine == "exact":
            for what in ("recall", "batch_recall"):
                expect(told[what] == 1, f"{self.data.name}, k={k} {restriction}: {what} is {told[what]}, expected 1")
        return told

    def search(self, k, admit=None, exclude=None, few=False):
        """The path of the .npy of what is found."""
        out = self.data.folder / "ids.npy"
        queries = self.data.few_queries if few or self.data.large else self.data.queries
        tandem("index", "search", self.path, "--queries", queries, "-k", k, "--out", out,
               *self._restriction(admit, exclude))
        return out

    def recall(self, k, admit=None, exclude=None, few=False):
        """Of the ids that `index search` writes, by the peers' rule. Wrong where an exact index has not found all."""
        recall = self.data.recall(self.search(k, admit, exclude, few), k, admit, exclude)
        what = self._restriction(admit, exclude) or ""
        expect(self.engine != "exact" or recall == 1, f"{self.data.name}, k={k} {what}: recall is {recall}, expected 1")
        return recall

    def _restriction(self, admit, exclude):
        return (["--filter", f"admit = {admit}"] if admit else []) + (["--exclude", exclude] if exclude else [])

    def open_milliseconds(self):
        """`index info` less `--version`: the least wall time of each, without the start of the program."""
        info = min(tandem("index", "info", self.path, quiet=self.quiet)[1] for _ in range(OPENINGS))
        none = min(tandem("--version", quiet=self.quiet)[1] for _ in range(OPENINGS))
        return max(0.0, 1e3 * (info - none))
