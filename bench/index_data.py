"""The vectors of the scenario `index`, as files: .npy, attributes for filters, lists of what to leave out.

They are the data sets of the peers' script where there is one, made by index_vectors.py in the peers' Python. Else two
of them are drawn here from the same distributions, which takes seconds in plain Python.
"""
import array
import ast
import json
import math
import random
import subprocess
from pathlib import Path

from harness import OUT, Wrong, expect, peer_environment, peer_script, run

QUERIES = 1000
FEW_QUERIES = 200  # of a million items, and for filters: what the peers are measured with
SHARES = {"half": 0.5, "twentieth": 0.05, "rare": 0.005}  # categories of the attribute "admit"
EXCLUDED = 500
CHECKED_HERE = 2  # queries that plain Python ranks
VECTORS = Path(__file__).resolve().parent / "index_vectors.py"


def write_npy(path, kind, rows, columns, values):
    """kind: '<f4' or '<i8'."""
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
        values.tofile(file)


def npy_shape(path):
    with open(path, "rb") as file:
        expect(file.read(8) == b"\x93NUMPY\x01\x00", f"{path} is no .npy of version 1")
        header = ast.literal_eval(file.read(int.from_bytes(file.read(2), "little")).decode())
        return header["shape"], header["descr"], file.tell()


def read_npy(path):
    """The shape and all values, flat."""
    shape, kind, begin = npy_shape(path)
    values = array.array({"<f4": "f", "<i8": "q"}[kind])
    with open(path, "rb") as file:
        file.seek(begin)
        values.fromfile(file, math.prod(shape))
    return shape, values


class Peers:
    """The script of the peers and a Python that can run it, if both are there."""

    def __init__(self, options, report):
        self.command = peer_script(options, "ann_peers.py", report)
        if self.command and subprocess.run([options.peers_python, "-c", "import numpy"], capture_output=True,
                                           check=False).returncode != 0:
            report.no_peer(f"{options.peers_python} has no numpy")
            self.command = None

    def vectors(self, *arguments):
        """Runs index_vectors.py; what it says."""
        python, script = self.command
        text, _ = run([python, VECTORS, script, *arguments], limit=7200, env=peer_environment())
        return json.loads(text.splitlines()[-1])


class DataSet:
    """n items of d floats, q queries, and the files that hold them."""

    def __init__(self, name, peers):
        self.name, self.peers = name, peers
        self.folder = OUT / "index" / (name if peers.command else f"{name}-drawn")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.items, self.queries = self.folder / "items.npy", self.folder / "queries.npy"
        self.few_queries = self.folder / "few_queries.npy"
        if peers.command:
            peers.vectors("make", name, self.folder)
        elif not self.queries.is_file():
            self._draw()
        (self.n, self.d), _, _ = npy_shape(self.items)
        (self.q, _), _, _ = npy_shape(self.queries)
        if not self.few_queries.is_file():
            (q, d), values = read_npy(self.queries)
            q = min(q, FEW_QUERIES)
            write_npy(self.few_queries, "<f4", q, d, values[:q * d])
        self.large = self.n > 500_000

    def _draw(self):
        kind, _, d = self.name.split("-")
        n, d = 100_000, int(d)
        rng = random.Random(7)
        scales = [(j + 1) ** -0.4 for j in range(d)]
        for path, rows, lengths in ((self.items, n, kind == "kind0"), (self.queries, QUERIES, False)):
            values = array.array("f")
            for _ in range(rows):
                row = [rng.gauss(0, scale) for scale in scales]
                factor = math.exp(rng.gauss(0, 0.3)) if lengths else 1
                if kind == "unit":
                    factor = 1 / math.sqrt(sum(x * x for x in row))
                values.extend(factor * x for x in row)
            write_npy(path, "<f4", rows, d, values)

    @property
    def attributes(self):
        """A table for filters: each item is admitted at random by each of SHARES."""
        path = self.folder / "admit.tsv"
        if not path.is_file():
            rng = random.Random(5)
            draws = ([name for name, share in SHARES.items() if rng.random() < share] for _ in range(self.n))
            path.write_text("id\tadmit\n" + "".join(f"{row}\t{'|'.join(names)}\n" for row, names in enumerate(draws)))
        return path

    def admitted(self, name):
        """The rows of a category."""
        lines = self.attributes.read_text().splitlines()[1:]
        return {row for row, line in enumerate(lines) if name in line.split("\t")[1].split("|")}

    def exclusions(self, best):
        """What users have seen, a line for each of the few queries: half from its `best` (a .npy [few, EXCLUDED]), half
        at random."""
        (q, k), ids = read_npy(best)
        rng = random.Random(5)
        path = self.folder / "exclude.txt"
        with open(path, "w", encoding="ascii") as file:
            for query in range(q):
                seen = set(rng.sample(list(ids[query * k:(query + 1) * k]), k // 2))
                while len(seen) < k:
                    seen.add(rng.randrange(self.n))
                file.write(" ".join(map(str, sorted(seen))) + "\n")
        return path

    def recall(self, ids, k, admit=None, exclude=None):
        """Share of the true top k in the .npy `ids`. Wrong where one is there that must not be."""
        if self.peers.command:
            arguments = ["check", self.name, self.folder, ids, k]
            arguments += ["--admit", admit] if admit else []
            arguments += ["--exclude", exclude] if exclude else []
            told = self.peers.vectors(*arguments)
            expect(told["wrong"] == 0, f"{self.name}: {told['wrong']} answers have been left out by filter or list")
            return told["recall"]
        return self._recall_of_some(ids, k, admit, exclude)

    def _recall_of_some(self, ids, k, admit, exclude):
        (_, width), found = read_npy(ids)
        _, items = read_npy(self.items)
        _, queries = read_npy(self.queries)
        d = self.d
        allowed = self.admitted(admit) if admit else set(range(self.n))
        lists = exclude.read_text().splitlines() if exclude else [""] * CHECKED_HERE
        hits = 0
        for i in range(CHECKED_HERE):
            query = queries[i * d:(i + 1) * d]
            rows = allowed - set(map(int, lists[i].split()))
            scores = {row: sum(a * b for a, b in zip(query, items[row * d:(row + 1) * d])) for row in rows}
            least = sorted(scores.values())[-k]
            for row in set(found[i * width:i * width + k]):
                if row not in scores:
                    raise Wrong(f"{self.name}: query {i} finds {row}, which filter or list leaves out")
                hits += scores[row] >= least - 1e-6 * abs(least)
        return hits / (CHECKED_HERE * k)
