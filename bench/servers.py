"""Starts and stops Tandem's two servers, asks them, and loads them with wrk. Loopback only."""
import http.client
import json
import os
import re
import socket
import subprocess
import time
from pathlib import Path

from grpc_client import GrpcConnection, is_serving
from harness import OUT, TANDEM, Wrong, expect, run

MODEL_NAME = "user_model"
MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A server from its start until the end of the `with`; `seconds` is the time until it was ready."""

    def __init__(self, verb, arguments, ready, cores=None):
        self.port = free_port()
        pin = ["taskset", "-c", cores] if cores else []
        self.command = [str(a) for a in pin + [TANDEM, verb, *arguments, "--port", self.port]]
        self.log = OUT / f"{verb}.log"
        self.ready = ready

    def __enter__(self):
        OUT.mkdir(parents=True, exist_ok=True)
        with open(self.log, "w", encoding="utf-8") as log:
            begin = time.monotonic()
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            while not self.is_ready():
                if self.process.poll() is not None or time.monotonic() - begin > 30:
                    raise Wrong(f"{' '.join(self.command)} is not ready: {self.log.read_text()[-1000:]}")
                time.sleep(0.0005)
        except BaseException:
            self.__exit__()
            raise
        self.seconds = time.monotonic() - begin
        self.ready_cpu_seconds = self.thread_seconds()
        return self

    def is_ready(self):
        try:
            return self.ready(self.port)
        except (OSError, http.client.HTTPException):
            return False

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def resident_mib(self, what="VmRSS"):
        """VmRSS, or VmHWM for the most that it ever was."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{what}:\s+(\d+) kB", status, re.M)[1]) / 1024

    def thread_seconds(self):
        """Processor time of the threads that live; finer than cpu_seconds."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def cpu_seconds(self):
        stat = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(stat[11]) + int(stat[12])) / TICKS


def model_ready(port):
    with GrpcConnection(port) as connection:
        return is_serving(connection, "tensorflow.serving.PredictionService")


def app_ready(port):
    status, _, _ = get(port, "/readyz")
    return status == 200


def model_server(base, cores=None):
    return Server("serve-model", ["--model_name", MODEL_NAME, "--model_base_path", base], model_ready, cores)


def app_server(base, model=None, cores=None):
    remote = ["--model-server", f"127.0.0.1:{model.port}", "--model-name", MODEL_NAME] if model else []
    return Server("serve-app", ["--bundle", base, *remote], app_ready, cores)


def get(port, path):
    """Status, headers and body over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def expected_titles(base, user, n=10):
    text, _ = run([TANDEM, "recommend", base, "--user", user, "-n", n])
    return [line.split("\t")[2] for line in text.splitlines()]


def expect_answer(port, user, titles, remote=False):
    """That /recommend/<user> gives these titles, from the model server where there is one."""
    status, headers, body = get(port, f"/recommend/{user}")
    expect(status == 200, f"/recommend/{user} answers {status}: {body[:200]!r}")
    want = {"user_id": [user], "recommendations": [titles]}
    expect(json.loads(body) == want, f"/recommend/{user} answers {body!r}, expected {want}")
    marks = [name for name in headers if name.lower() in ("x-tandem-degraded", "x-tandem-fallback")]
    expect(not marks, f"/recommend/{user} is marked {marks}{' although a model server runs' if remote else ''}")


def wrk(port, connections, seconds, path="/", script=None, cores=None):
    """Requests a second, p50 and p99 in ms; Wrong where a response was not 2xx or a connection failed."""
    pin = ["taskset", "-c", cores] if cores else []
    lua = ["-s", script] if script else []
    text, _ = run(pin + ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency", *lua,
                         f"http://127.0.0.1:{port}{path}"])
    errors = re.findall(r"(Socket errors.*|Non-2xx.*)", text)
    expect(not errors, f"wrk on {path}: {errors}")
    latency = {}
    for percent in (50, 99):
        value, unit = re.search(rf"^\s+{percent}%\s+([\d.]+)([a-z]+)", text, re.M).groups()
        latency[percent] = float(value) * MILLISECONDS[unit]
    return {"rps": float(re.search(r"Requests/sec:\s+(\S+)", text)[1]), "p50": latency[50], "p99": latency[99],
            "requests": int(re.search(r"(\d+) requests in", text)[1])}
