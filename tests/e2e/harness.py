"""What the tests of this folder share: the program, its servers, the bundles to serve, HTTP as raw as a test needs it.

The environment names the built program (TANDEM) and a folder for what tests write (TANDEM_E2E_OUT). TANDEM_SANITIZED says
that the program is several times slower than the one that is shipped."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import requests

SOURCE = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = SOURCE / "examples" / "movielens"
CONFIG = EXAMPLE / "movielens.toml"
TANDEM = os.environ["TANDEM"]
OUT = pathlib.Path(os.environ["TANDEM_E2E_OUT"])
SANITIZED = os.environ.get("TANDEM_SANITIZED", "") != ""
PATIENCE = 60 if SANITIZED else 20  # seconds until a wait is given up
MODEL = "user_model"
LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\dT\S+ \w+ ")

timing_sensitive = unittest.skipIf(SANITIZED, "bounds a time, and sanitizers are slow")


def run(*arguments):
    """The program's exit code, stdout, and what it said on stderr beside its log."""
    process = subprocess.run([TANDEM, *map(str, arguments)], capture_output=True, text=True, timeout=5 * PATIENCE)
    said = [line for line in process.stderr.splitlines() if not LOG_LINE.match(line)]
    return process.returncode, process.stdout, said


def wait_until(what, condition, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain until {what}")
        time.sleep(0.01)


def bundle_path(number):
    """One of the two versions that fixture.py trains: 1, or 2 of another seed. Not to be written to."""
    return OUT / "bundles" / str(number)


def edit_byte(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


class Server:
    """A server of the program on a free port, killed at the end at the latest; with `ready`, one that has a version to serve."""

    def __init__(self, *arguments, port=0, ready=True, environment=None):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [TANDEM, *map(str, arguments), "--address", "127.0.0.1", "--port", str(port)],
            stdout=subprocess.PIPE, stderr=self.log, text=True, env={**os.environ, **(environment or {})})
        try:
            self.port, self.metrics_port = self.announced(self.process.stdout.readline())
            if ready:
                wait_until("a version is available", lambda: " is available" in self.logged())
        except AssertionError as error:
            logged = self.logged()
            self.stop()
            raise AssertionError(f"{error}\n{logged}") from None

    @staticmethod
    def announced(line):
        """The ports of the line in which a server says where it is."""
        port = re.search(r" 127\.0\.0\.1:(\d+)", line)
        metrics = re.search(r"metrics on 127\.0\.0\.1:(\d+)", line)
        if not port:
            raise AssertionError(f"does not serve: {line!r}")
        return int(port[1]), int(metrics[1]) if metrics else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def send_signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.send_signal(signal.SIGKILL)
        self.process.wait()

    def exit_code(self):
        return self.process.wait(timeout=PATIENCE)

    def stop(self):
        if self.process.poll() is None:
            self.send_signal(signal.SIGCONT)
            self.kill()
        self.process.stdout.close()
        self.log.close()

    def logged(self):
        self.log.seek(0)
        return self.log.read()


def model_server(base, *arguments, **options):
    return Server("serve-model", "--model_name", MODEL, "--model_base_path", base,
                  "--file_system_poll_wait_seconds", 0.1, *arguments, **options)


def app(base, *arguments, model=None, **options):
    """The recommender app; `model` is the model server that it asks."""
    asks = ["--model-server", f"127.0.0.1:{model.port}"] if model else []
    return Server("serve-app", "--bundle", base, "--file-system-poll-wait-seconds", 0.1, *asks, *arguments, **options)


def get(server, path, **options):
    return requests.get(f"http://127.0.0.1:{server.port}{path}", timeout=PATIENCE, **options)


def monitor(server, path):
    """Asks the listener of its own that a server has for probes and metrics."""
    return requests.get(f"http://127.0.0.1:{server.metrics_port}{path}", timeout=PATIENCE)


def titles(response):
    """Those of an answer of /recommend, whose whole body must have the shape that it promises."""
    body = response.json()
    assert set(body) == {"user_id", "recommendations"} and len(body["recommendations"]) == 1, body
    return body["recommendations"][0]


def recommended(bundle, user, *arguments):
    """(item id, title) of `tandem recommend`."""
    code, out, said = run("recommend", bundle, "--user", user, *arguments)
    assert code == 0 and not said, said
    rows = [line.split("\t") for line in out.splitlines()]
    return [(row[0], row[2]) for row in rows]


class RawConnection:
    """Sends bytes as they are, reads one answer at a time."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def answer(self):
        """(status, headers in lower case, body); None where the server closed without an answer."""
        line = self.file.readline()
        if not line:
            return None
        headers = {}
        for header in iter(self.file.readline, b"\r\n"):
            name, value = header.decode().split(":", 1)
            headers[name.lower()] = value.strip()
        return int(line.split()[1]), headers, self.file.read(int(headers.get("content-length", 0)))


class Load:
    """Asks over and over on some threads, until the with-block ends: `ask` takes no argument and returns what it got."""

    def __init__(self, ask, threads=2):
        self.ask = ask
        self.answers = []  # (when, what)
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.work) for _ in range(threads)]

    def work(self):
        while not self.stopping.is_set():
            begin = time.monotonic()
            try:
                answer = self.ask()
            except Exception as error:  # an answer too: the test judges it
                answer = error
            self.answers.append((begin, answer))
            time.sleep(0.002)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def wait_for_more(self, count=10):
        before = len(self.answers)
        wait_until("more requests are answered", lambda: len(self.answers) >= before + count)


class TestCase(unittest.TestCase):
    def setUp(self):
        self.maxDiff = None
        OUT.mkdir(parents=True, exist_ok=True)
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(dir=OUT)))

    def new_base(self, *numbers):
        """A base path of this test's own with these versions."""
        base = self.folder / "base"
        base.mkdir()
        for number in numbers:
            self.publish(base, number)
        return base

    @staticmethod
    def publish(base, number):
        """A version appears as the trainer makes it appear: whole."""
        shutil.copytree(bundle_path(number), base / f"{number}.tmp")
        os.rename(base / f"{number}.tmp", base / str(number))

    def assert_fails(self, result, *words):
        """Exit code 1, nothing on stdout but what was under way, and one line that has these words."""
        code, _, said = result
        self.assertEqual((code, len(said)), (1, 1), said)
        self.assertRegex(said[0], "^tandem: ")
        for word in words:
            self.assertIn(str(word), said[0])

    def assert_error(self, answer, status):
        """A JSON error, of requests or of RawConnection."""
        if not isinstance(answer, tuple):
            answer = answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.content
        self.assertEqual(answer[0], status, answer)
        self.assertEqual(answer[1]["content-type"].split(";")[0], "application/json")
        self.assertTrue(json.loads(answer[2])["error"], answer)


@contextlib.contextmanager
def paused(server):
    """The process stands still: it is there, and does not answer. A thread may run on for a moment after the signal."""
    server.send_signal(signal.SIGSTOP)
    tasks = pathlib.Path(f"/proc/{server.process.pid}/task")
    wait_until("every thread stands still",
               lambda: all((task / "stat").read_text().rsplit(")", 1)[1].split()[0] == "T" for task in tasks.iterdir()))
    try:
        yield
    finally:
        server.send_signal(signal.SIGCONT)
