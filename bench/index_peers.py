"""The peers of the scenario `index`: runs of their script, and the best of them. A row is a dict as the script prints
it: dataset, peer, params, k, recall, us_cpu, batch_us_cpu, build_cpu_s, bytes; "filter" if the search is restricted."""
import json

from harness import peer_environment, run

RECALLS = (0.95, 0.99)
KS = (10, 100)
LEADERS = 2  # of each k and recall, which are run again beside Tandem


def read_rows(paths):
    rows = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            rows += [json.loads(line) for line in file if line.strip()]
    return [row for row in rows if "recall" in row]


def run_peers(peers, options, report, dataset, names="all", filters=False):
    """Rows of the script; those that are not installed are named in a note."""
    command = peers.command + ["--dataset", dataset, "--reps", 7]
    command += ["--filter"] if filters else ["--peers", names]
    command += ["--cpu", options.cpu] if options.cpu is not None else []
    command += ["--lock", options.lock] if options.lock else []
    text, _ = run(command, limit=6 * 3600, env=peer_environment())
    rows = [json.loads(line) for line in text.splitlines()]
    for row in rows:
        if "error" in row and "recall" not in row:
            report.note(f"{dataset}: {row['peer']} is skipped: {row['error']}")
    return [row for row in rows if "recall" in row]


def best(rows, k, recall, figure="us_cpu"):
    """The row with the least time among those that find enough, or None."""
    fit = [row for row in rows if row["k"] == k and row["recall"] >= recall and figure in row
           and not row.get("wrong_ids")]
    return min(fit, key=lambda row: row[figure], default=None)


def leaders(rows, most_build_seconds):
    """The fastest peers at each k and recall, of those that are built in time."""
    names = []
    for k in KS:
        for recall in RECALLS:
            least = {}
            for row in rows:
                if row["k"] == k and row["recall"] >= recall and row["build_cpu_s"] <= most_build_seconds:
                    least[row["peer"]] = min(row["us_cpu"], least.get(row["peer"], row["us_cpu"]))
            names += sorted(least, key=least.get)[:LEADERS]
    return list(dict.fromkeys(names))


def name_of(row):
    """'hnswlib ef=80'"""
    of_build = ("M", "efC", "R", "nlist", "leaves", "dtype")
    return " ".join([row["peer"]] + [f"{key}={value}" for key, value in row["params"].items() if key not in of_build])
