"""Vector search: time of a query beside the best of the libraries that ann_peers.py measures, with filters and in
batches; build, open and bytes. Recall is asserted, of the ids that `tandem index search` writes."""
import json
import statistics

from harness import OUT, expect
from index_data import EXCLUDED, SHARES, DataSet, Peers
from index_peers import KS, RECALLS, best, leaders, name_of, read_rows, run_peers
from index_picture import draw
from index_tandem import Index, Quiet, has_ivf

NAME = "index"
ABOUT = "microseconds a query of the item index, beside ScaNN, hnswlib, Faiss and others"
# The most that the exact engine may take of the time of the best peer that has a recall of .95, by k.
EXACT_BOUNDS = {"ml-100k-ials32": {10: 0.6, 100: 1}, "kind0-100k-32": {10: 0.6, 100: 0.75}, "kind0-1m-32": {10: 0.4}}
# Where either engine may be taken, and may take as long as the best peer of the same recall.
EITHER_BOUND = ("unit-100k-64", "unit-1m-128")
SETS = ("ml-100k-ials32", "kind0-100k-32", "unit-100k-64", "kind0-1m-32", "unit-1m-128")
QUICK = SETS[:3]
DRAWN = ("kind0-100k-32", "unit-100k-64")  # what there is without the peers' script
FILTERED = "kind0-100k-32"
FILTER_BOUNDS = {"half": 1.5, "twentieth": 2.2, "rare": 1.2, "exclude": 1.2}  # of the time without
TARGETS = (0.9, 0.95, 0.99)


def add_options(parser):
    group = parser.add_argument_group("index")
    group.add_argument("--sets", default=",".join(QUICK), help=f"of {','.join(SETS)}; those of a million take an hour "
                       "of building peers, unless --peers-from has them (default: %(default)s)")
    group.add_argument("--peers-from", action="append", default=[], metavar="FILE",
                       help="lines of an earlier ann_peers.py: the fastest of them alone are run again")
    group.add_argument("--peer-names", default="all", metavar="NAME,...", help="of ann_peers.py --list")
    group.add_argument("--most-build", type=float, default=120, metavar="SECONDS",
                       help="peers that take longer to build are run once (default: %(default)s)")
    group.add_argument("--cpu", type=int, metavar="N", help="the processor to be timed on")
    group.add_argument("--lock", metavar="FILE", help="held while timing, as by others that measure on this machine")


def run_scenario(options, report):
    for name in options.sets.split(","):
        expect(name in SETS, f"--sets: '{name}' is none; the choices are {', '.join(SETS)}")
    peers, rows = Peers(options, report), []
    for name in options.sets.split(","):
        if peers.command is None and name not in DRAWN:
            report.note(f"{name} is left out: the peers' script makes it")
            continue
        measured = SetRun(options, report, peers, name)
        measured.run()
        rows += measured.rows()
        (OUT / "index" / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in measured.rows()))
        if name == FILTERED:
            run_filters(options, report, peers, measured.data, measured.exact)
        for index in measured.indexes:
            index.path.unlink()
    (OUT / "index.svg").write_text(draw(rows))
    report.note(f"{OUT.name}/index.svg shows recall against time; {OUT.name}/index/<set>.jsonl has its points")


class SetRun:
    """One data set: Tandem's indexes, the peers' curves, and repetitions of Tandem and the fastest peers in turn."""

    def __init__(self, options, report, peers, name):
        self.options, self.report, self.peers, self.name = options, report, peers, name
        self.data, self.quiet = DataSet(name, peers), Quiet(options)
        self.exact = Index(self.data, self.quiet)
        self.indexes = [self.exact]
        if (name in EITHER_BOUND or self.data.large) and has_ivf():
            self.indexes += [Index(self.data, self.quiet, "ivf", target) for target in TARGETS]
        self.recalls = {(index, k): index.recall(k) for index in self.indexes for k in KS}
        self.passes = []  # of each: {(index, k): what bench says}
        self.sweep, self.rounds = [], []  # rows of the peers: once all, then the fastest again and again

    def run(self):
        if self.peers.command:
            self.sweep = self._curves()
        names = leaders(self.sweep, self.options.most_build)
        slow = [row for row in self.sweep if row["build_cpu_s"] > self.options.most_build]
        for _ in range(self.options.repetitions):
            self._measure()
            if names:
                self.rounds.append(slow + run_peers(self.peers, self.options, self.report, self.name, ",".join(names)))
                self._measure()  # what else the machine did meanwhile weighs on both
        for k in KS:
            self._report_times(k)
        self._report_sizes()

    def rows(self):
        """All points, as the peers' script writes them."""
        return self.sweep + [
            {"dataset": self.name, "n": self.data.n, "d": self.data.d, "peer": f"tandem-{index.engine}",
             "params": {"recall": index.target} if index.target else {}, "k": k, "recall": self.recalls[index, k],
             "us_cpu": statistics.median(self._times(index, k)),
             "batch_us_cpu": statistics.median(self._times(index, k, "batch_us_cpu")),
             "build_cpu_s": statistics.median(index.build_cpu), "bytes": index.bytes}
            for index in self.indexes for k in KS]

    def _curves(self):
        rows = [row for row in read_rows(self.options.peers_from)
                if row["dataset"] == self.name and "filter" not in row and not row["peer"].startswith("tandem")]
        if rows:
            self.report.note(f"{self.name}: peers' curves of an earlier run")
            return rows
        self.report.note(f"{self.name}: running the peers")
        return run_peers(self.peers, self.options, self.report, self.name, self.options.peer_names)

    def _measure(self):
        self.passes.append({(index, k): index.measure(k) for index in self.indexes for k in KS})

    def _times(self, index, k, figure="us_cpu"):
        return [told[index, k][figure] for told in self.passes]

    def _report_times(self, k):
        where = f"{self.name}, k={k}"
        for index in self.indexes:
            found = f", recall {self.recalls[index, k]:.3f}"
            self.report.add(f"{where}: Tandem {index.label}{found}", self._times(index, k), "us")
            self.report.add(f"{where}: Tandem {index.label}, batches of 64", self._times(index, k, "batch_us_cpu"),
                            "us")
        if self.name == "kind0-1m-32":
            gains = [told[self.exact, k]["us_cpu"] / told[self.exact, k]["batch_us_cpu"] for told in self.passes]
            self.report.add(f"{where}: queries/s of batches of 64 over single ones", gains, "x",
                            at_least=3 if k == 10 else None)
        for recall in RECALLS:
            self._report_ratios(where, k, recall)

    def _report_ratios(self, where, k, recall):
        rows = [best(rows, k, recall) for rows in self.rounds]
        if not rows or None in rows:
            if self.rounds:
                self.report.note(f"{where}: no peer reaches a recall of {recall:g}")
            return
        self.report.note(f"{where}: best at {recall:g}: " + "; ".join(
            f"{name_of(row)} recall {row['recall']:.3f}" for row in rows))
        self.report.add(f"{where}: best peer at {recall:g}", [row["us_cpu"] for row in rows], "us")
        batches = [best(rows, k, recall, "batch_us_cpu") for rows in self.rounds]
        if None not in batches:
            self.report.add(f"{where}: best peer at {recall:g}, all in a batch",
                            [row["batch_us_cpu"] for row in batches], "us")
        exact = self._ratios([self.exact], k, rows)
        bound = EXACT_BOUNDS.get(self.name, {}).get(k) if recall == RECALLS[0] else None
        self.report.add(f"{where}: Tandem exact over best peer at {recall:g}", exact, "x", at_most=bound)
        enough = [index for index in self.indexes if self.recalls[index, k] >= recall]
        if len(enough) > 1 or self.name in EITHER_BOUND:
            self.report.add(f"{where}: fastest Tandem at {recall:g} over best peer", self._ratios(enough, k, rows),
                            "x", at_most=1 if self.name in EITHER_BOUND else None)

    def _ratios(self, indexes, k, rows):
        """Of the fastest of the indexes, before and after each round of the peers, to the row of it."""
        fastest = min(indexes, key=lambda index: statistics.median(self._times(index, k)))
        times = self._times(fastest, k)
        return [statistics.mean(times[2 * i:2 * i + 2]) / row["us_cpu"] for i, row in enumerate(rows)]

    def _report_sizes(self):
        for index in self.indexes:
            self.report.add(f"{self.name}: Tandem {index.label}, build", index.build_cpu, "CPU s",
                            at_most=0.5 if index is self.exact and self.name == "kind0-1m-32" else None)
        bound = 1.3 * 4 * self.data.d + 40
        bytes_left = 16_384 / self.data.n  # what a file of few items has besides
        for index in self.indexes:
            self.report.add(f"{self.name}: Tandem {index.label}, file", index.bytes / self.data.n, "bytes/item",
                            at_most=round(bound + bytes_left) if index is self.exact else None)
        small = Index(self.data, self.quiet, rows="int8")
        self.report.add(f"{self.name}: Tandem without floats, file", small.bytes / self.data.n, "bytes/item",
                        at_most=round(bound / 3 + bytes_left))
        small.path.unlink()
        self.report.add(f"{self.name}: Tandem exact, open", self.exact.open_milliseconds(), "ms", at_most=5)
        for peer in leaders(self.sweep, float("inf")):
            rows = [row for row in self.sweep if row["peer"] == peer]
            self.report.add(f"{self.name}: {peer}, build", max(row["build_cpu_s"] for row in rows), "CPU s")
            if max(row["bytes"] for row in rows) > 0:
                self.report.add(f"{self.name}: {peer}, size", max(row["bytes"] for row in rows) / self.data.n,
                                "bytes/item")


def run_filters(options, report, peers, data, index):
    """A filter and exclusions beside a search without them, in turn, on the same queries; and the peers' best."""
    exclude = data.exclusions(index.search(EXCLUDED, few=True))
    ways = {name: {"admit": name} for name in SHARES} | {"exclude": {"exclude": exclude}}
    for k in KS:
        for way in ways.values():
            index.recall(k, few=True, **way)
    times = {(k, name): [] for k in KS for name in ("", *ways)}
    for _ in range(max(3, options.repetitions)):
        for k in KS:
            for name, way in ({"": {}} | ways).items():
                times[k, name].append(index.measure(k, few=True, **way)["us_cpu"])
    rows = []
    if peers.command:
        rows = [row for row in read_rows(options.peers_from) if row["dataset"] == data.name and "filter" in row]
        if not rows:
            report.note(f"{data.name}: running the peers with filters")
            rows = run_peers(peers, options, report, data.name, filters=True)
        (OUT / "index" / f"{data.name}-filter.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for k in KS:
        report.add(f"{data.name}, k={k}: Tandem exact, the same {min(data.q, 200)} queries", times[k, ""], "us")
        for name in ways:
            what = f"admitting {SHARES[name]:.1%}" if name in SHARES else f"{EXCLUDED} excluded"
            report.add(f"{data.name}, k={k}, {what}: Tandem exact, recall 1.000", times[k, name], "us")
            report.add(f"{data.name}, k={k}, {what}: over it without",
                       [a / b for a, b in zip(times[k, name], times[k, ""])], "x", at_most=FILTER_BOUNDS[name])
            peer = best([row for row in rows if row["filter"] == peers_name(name)], k, RECALLS[0])
            if peer:
                report.add(f"{data.name}, k={k}, {what}: {name_of(peer)}, recall {peer['recall']:.3f}",
                           peer["us_cpu"], "us")


def peers_name(name):
    return f"admit {SHARES[name]:g}" if name in SHARES else f"exclude {EXCLUDED}"
