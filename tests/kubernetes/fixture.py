"""What the tests on the cluster share: images and bundles, deploying an overlay, traffic, and the report of what was measured."""
import contextlib
import csv
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import yaml

from cluster import (DEPLOY, OUT, SOURCE, VERSION, Failure, PodHistory, beside, external_address, get, kubectl, pods, run, signal_leaving,
                     wait_for_pods, wait_until)
from load import Answers, digest

NAMESPACE = "tandem"  # of the overlays production and training
MODEL, APP = "user-model", "recommender-app"
FORGOTTEN = 9  # seconds: a TTL of 5 and a look-up every 2, and two more
EXAMPLE = SOURCE / "examples" / "movielens"
# Tags that the images are built with: the bundle of two of them is the same, the third's is of another seed; both call it version 1.
FIRST, AGAIN, OTHER = VERSION, f"{VERSION}-again", f"{VERSION}-other"
BUNDLES = {FIRST: "a", AGAIN: "a", OTHER: "b"}


# The root of an image, unpacked by images.sh, in which the program runs on this machine; all files that it needs are below.
ROOT = OUT / "root"


def bundle(name):
    """The base path of a bundle that the images hold: "a" or "b"."""
    return ROOT / "bundles" / name


def tandem(*arguments, check=True):
    """The program as the images have it, on this machine; for paths below ROOT."""
    return run("chroot", ROOT, "/usr/bin/tandem", *(str(word).replace(str(ROOT), "") for word in arguments), check=check)


def titles_by_user(base, count=10):
    """What the bundle recommends to each known user, by the command line."""
    with tempfile.NamedTemporaryFile(dir=ROOT, suffix=".tsv") as file:
        tandem("recommend", base, "--all-users", "-n", count, "--out", file.name)
        lines = pathlib.Path(file.name).read_text().splitlines()
    with (EXAMPLE / "data" / "movies.csv").open(newline="") as movies:
        titles = {row["movieId"]: row["title"] for row in csv.DictReader(movies)}
    return {user: [titles.get(item, item) for item in items.split(",")] for user, items in (line.split("\t") for line in lines)}


def write_expected(path, bases, users=100):
    """For load.py: what each of these bundles, by its name, answers to some users to whom they all answer differently."""
    answers = {name: titles_by_user(base) for name, base in bases.items()}
    distinct = [user for user in next(iter(answers.values()))
                if len({digest(found[user]) for found in answers.values()}) == len(answers)]
    if len(distinct) < users:
        raise Failure(f"expected {users} users to whom {list(bases)} answer differently, got {len(distinct)}")
    path.write_text(json.dumps({user: {name: digest(found[user]) for name, found in answers.items()} for user in distinct[:users]}))
    return path


# ---- deploying ---------------------------------------------------------------------------------------------------


def apply_overlay(name, *resources):
    """The overlay as it is, and these objects beside it."""
    for resource in resources:
        kubectl("apply", "-f", "-", stdin=yaml.safe_dump(resource))
    return kubectl("apply", "-k", DEPLOY / "overlays" / name)


def delete_namespace(name):
    """Its pods first and at once: a namespace's controller would look again after half the time that they may take to leave."""
    kubectl("-n", name, "delete", "deployments,cronjobs,jobs,pods", "--all", "--grace-period=1", "--wait=false")
    wait_until(f"the namespace {name} has no pod", lambda: not signal_leaving(name), every=0.3)
    kubectl("delete", "namespace", name, "--ignore-not-found", "--timeout=120s")


def set_image(app, tag):
    kubectl("-n", NAMESPACE, "set", "image", f"deployment/{app}", f"{app}={app}:{tag}")


def scale(app, count):
    kubectl("-n", NAMESPACE, "scale", f"deployment/{app}", f"--replicas={count}")


def deployment(app):
    return get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{app}")


def wait_for(app, count, **options):
    return wait_for_pods(NAMESPACE, app, count, **options)


def end_leaving(app):
    """Kills the pods that are leaving: those of a test before, which would take room and processes from the next."""
    wait_until(f"no pod of {app} is leaving", lambda: not any(pod.leaving for pod in signal_leaving(NAMESPACE, app)), every=0.3)


def let_leave(app, told):
    """Waits until the pods that were told to leave at that time have done so, under the load of a test. The model server's answer for
    longer than any DNS caches; this cluster's and the apps have forgotten them after FORGOTTEN, and a second SIGTERM lets them go."""
    if app == MODEL:
        time.sleep(max(0, told + FORGOTTEN - time.time()))
        signal_leaving(NAMESPACE, app, signal.SIGTERM)
    wait_until(f"the pods of {app} that were told to leave have left", lambda: not any(pod.leaving for pod in pods(NAMESPACE, app)))


# ---- the report --------------------------------------------------------------------------------------------------


class Report:
    """What was measured, in the order it was first: report.json, and report.md for people."""

    def __init__(self):
        self.path = OUT / "report.json"

    def _rows(self):
        return json.loads(self.path.read_text()) if self.path.exists() else []

    def add(self, kind, what, **values):
        rows = self._rows() + [dict(kind=kind, what=what, load=round(os.getloadavg()[0], 1), **values)]
        self.path.write_text(json.dumps(rows, indent=1))

    def number(self, what, value, unit, bar=None, more=""):
        """A figure beside its bar, if it has one, and what else is to be known of it."""
        digits = 0 if value >= 1000 or isinstance(value, int) else 1 if value >= 10 else 2
        self.add("number", what, value=f"{value:.{digits}f}", unit=unit, bar=bar, more=more)

    def markdown(self):
        rows = list({(row["kind"], row["what"]): row for row in self._rows()}.values())  # of each, the last time
        lines = ["| disturbance | seconds | answers | failed | degraded | mixed | p50, p99, max ms | p99 at rest | load average |",
                 "|---|---:|---:|---:|---:|---:|---:|---:|---:|"]
        for r in (row for row in rows if row["kind"] == "disturbance"):
            lines.append(f"| {r['what']} | {r['seconds']} | {r['answers']} | {r['failed']} | {r['degraded']} | {r['mixed']} "
                         f"| {r['p50']}, {r['p99']}, {r['max']} | {r['rest_p99']} | {r['load']} |")
        lines += ["", "| figure | measured | bar | load average |", "|---|---:|---:|---:|"]
        for r in (row for row in rows if row["kind"] == "number"):
            bar = "" if r["bar"] is None else f"{r['bar']} {r['unit']}"
            lines.append(f"| {r['what']} | {r['value']} {r['unit']}{r['more']} | {bar} | {r['load']} |")
        lines += [""] + [f"- {r['what']}: {r['text']}" for r in rows if r["kind"] == "note"]
        return "\n".join(lines) + "\n"


REPORT = Report()


# ---- traffic -----------------------------------------------------------------------------------------------------


class Traffic:
    """load.py on the host beside the node, as long as the with-block runs; `answers` after it."""

    def __init__(self, address, expected, **options):
        self.file = tempfile.NamedTemporaryFile(dir=OUT, suffix=".tsv", delete=False)
        flags = [word for name, value in options.items() for word in (f"--{name}", value)]
        self.command = beside(sys.executable, "-B", pathlib.Path(__file__).with_name("load.py"), address, expected, self.file.name, *flags)
        self.answers = None

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_until("the first answers are there", self._begun, seconds=20)
        return self

    def _begun(self):
        if self.process.poll() is not None:
            raise Failure(f"load.py ended: {self.process.stderr.read()}")
        return os.path.getsize(self.file.name) > 1000

    def __exit__(self, *_):
        _, said = self.process.communicate(timeout=60)
        self.answers = Answers.read(self.file.name)
        os.unlink(self.file.name)
        if self.process.returncode != 0:
            raise Failure(f"load.py: exit {self.process.returncode}: {said}")

    def read(self):
        """What is answered so far."""
        text = pathlib.Path(self.file.name).read_text()
        with tempfile.NamedTemporaryFile("w", dir=OUT) as whole:
            whole.write(text[:text.rfind("\n") + 1])
            whole.flush()
            return Answers.read(whole.name)


class Disturbance:
    """Traffic through the load balancer: some seconds at rest, what happens in the with-block, some seconds after it."""

    REST = 4
    AFTER = 3

    def __init__(self, what, expected, namespace=NAMESPACE, **traffic):
        self.what = what
        self.traffic = Traffic(external_address(namespace), expected, **traffic)
        self.histories = {app: PodHistory(namespace, app) for app in (MODEL, APP)}

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        self.stack.enter_context(self.traffic)
        for history in self.histories.values():
            self.stack.enter_context(history)
        time.sleep(1)
        self.rest = time.time()
        time.sleep(self.REST)
        self.begin = time.time()
        return self

    def __exit__(self, error, *_):
        self.end = time.time()
        if error is None:
            time.sleep(self.AFTER)
        self.stack.close()
        during, rest = self.answers.between(self.begin, self.end + self.AFTER), self.answers.between(self.rest, self.begin)
        REPORT.add("disturbance", self.what, seconds=round(self.end - self.begin, 1), answers=len(during), failed=len(during.failed()),
                   degraded=len(during.degraded()), mixed=len(during.mixed()), p50=round(during.percentile(.5), 1),
                   p99=round(during.percentile(.99), 1), max=round(during.percentile(1), 1), rest_p99=round(rest.percentile(.99), 1),
                   outcomes=self.answers.outcomes())

    @property
    def answers(self):
        return self.traffic.answers


class ClusterTestCase(unittest.TestCase):
    maxDiff = None

    def assert_whole(self, disturbance, degraded_allowed=False):
        """No answer failed, none is a mix of two bundles, and none is degraded."""
        answers = disturbance.answers
        self.assertGreater(len(answers), 500)
        self.assertEqual(list(answers.failed())[:5], [], answers.outcomes())
        self.assertEqual(list(answers.mixed())[:5], [])
        if not degraded_allowed:
            self.assertEqual(list(answers.degraded())[:5], [], f"{len(answers.degraded())} degraded of {len(answers)}")
