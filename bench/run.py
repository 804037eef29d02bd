"""Runs the named scenarios in turn; script/bench sets up, builds and calls this."""
import argparse
import os
import sys

import evaluate
import harness
import index
import serve
import start
import step
import train_movielens
import train_parity

SCENARIOS = {m.NAME: m for m in (train_parity, train_movielens, evaluate, step, start, serve, index)}


def parse(arguments):
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="all of them where none is named")
    parser.add_argument("--list", action="store_true", help="name the scenarios and end")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10, help="of each load with wrk")
    parser.add_argument("--strict", action="store_true", help="end with 1 where a figure misses its bound")
    parser.add_argument("--data", default=os.environ.get("TANDEM_BENCH_DATA"), metavar="DIR",
                        help="DIR/ml-100k holds u.data and u.item (TANDEM_BENCH_DATA)")
    parser.add_argument("--peers", default=os.environ.get("TANDEM_PEERS"), metavar="DIR",
                        help="scripts of the programs to compare with (TANDEM_PEERS)")
    parser.add_argument("--peers-python", default=os.environ.get("TANDEM_PEERS_PYTHON"), metavar="PYTHON",
                        help="the Python of their environment (TANDEM_PEERS_PYTHON)")
    index.add_options(parser)
    options = parser.parse_args(arguments)
    for name in ("data", "peers", "peers_python"):
        setattr(options, name, getattr(options, name) or None)  # an empty setting is none
    for name in options.scenarios:
        if name not in SCENARIOS:
            parser.error(f"'{name}' is no scenario; the choices are {', '.join(SCENARIOS)}")
    return options


def main():
    options = parse(sys.argv[1:])
    if options.list:
        for name, module in SCENARIOS.items():
            print(f"{name:<16} {module.ABOUT}")
        return 0
    failed, missed = [], []
    for name in options.scenarios or SCENARIOS:
        report = harness.Report(name)
        print(f"{name}: {SCENARIOS[name].ABOUT}", flush=True)
        try:
            SCENARIOS[name].run_scenario(options, report)
        except harness.Wrong as wrong:
            print(f"bench: {name}: {wrong}", file=sys.stderr)
            failed.append(name)
            continue
        report.print_table()
        report.write()
        missed += [f"{name}: {what}" for what in report.missed]
    for what in missed:
        print(f"bench: missed its bound: {what}", file=sys.stderr)
    if failed:
        print(f"bench: wrong or failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed or (options.strict and missed) else 0


if __name__ == "__main__":
    sys.exit(main())
