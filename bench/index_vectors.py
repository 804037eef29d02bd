"""Vectors and truth of the peers' script, for index_data.py; runs in the peers' Python, which has numpy.

  index_vectors.py ann_peers.py make DATASET FOLDER
  index_vectors.py ann_peers.py check DATASET FOLDER ids.npy K [--admit CATEGORY] [--exclude FILE]

The last line printed is one JSON object.
"""
import argparse
import importlib.util
import json
import os
import tempfile

import numpy as np

CACHE = os.path.join(tempfile.gettempdir(), "ann-peers-cache")  # the default of the script


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("script")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in (verbs.add_parser("make"), verbs.add_parser("check")):
        verb.add_argument("dataset")
        verb.add_argument("folder")
    verb.add_argument("ids")
    verb.add_argument("k", type=int)
    verb.add_argument("--admit")
    verb.add_argument("--exclude")
    return parser.parse_args()


def make(peers, options):
    paths = [os.path.join(options.folder, name) for name in ("items.npy", "queries.npy")]
    if not all(map(os.path.isfile, paths)):
        items, queries, _ = peers.load(options.dataset, CACHE)
        for path, values in zip(paths, (items, queries)):
            np.save(path, values.astype(np.float32))
    return {}


def check(peers, options):
    items, queries, truth = peers.load(options.dataset, CACHE)
    ids, k = np.load(options.ids), options.k
    queries, truth, left_out = queries[:len(ids)], truth[:len(ids)], None
    if options.admit:
        with open(os.path.join(options.folder, "admit.tsv"), encoding="ascii") as file:
            mask = np.array([options.admit in line.rstrip("\n").split("\t")[1].split("|") for line in file][1:])
        truth = peers.exact(items, queries, k, mask)
        left_out = [np.flatnonzero(~mask)] * len(ids)
    if options.exclude:
        with open(options.exclude, encoding="ascii") as file:
            left_out = [np.array(line.split(), np.int64) for line in file]
        deep = peers.exact(items, queries, k + max(map(len, left_out)))
        truth = np.stack([best[~np.isin(best, out)][:k] for best, out in zip(deep, left_out)])
    recall, wrong = peers.recall(ids, items, queries, truth, k, left_out)
    return {"recall": recall, "wrong": wrong}


def main():
    options = parse()
    spec = importlib.util.spec_from_file_location("ann_peers", options.script)
    peers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peers)
    print(json.dumps({"make": make, "check": check}[options.verb](peers, options)))


if __name__ == "__main__":
    main()
