"""The cluster that the tests run on: kubectl, the API by itself (a query costs a millisecond, not a process), pods, and the host
beside the node.

The environment names the tool that starts a cluster and enters its networks (TANDEM_CLUSTER; its verbs: up, load, kubectl, client,
node), and a folder for what tests write (TANDEM_KUBERNETES_OUT)."""
import base64
import contextlib
import functools
import http.client
import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import threading
import time
import urllib.parse

SOURCE = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = SOURCE / "deploy" / "kubernetes"
TOOL = os.environ.get("TANDEM_CLUSTER", "")
OUT = pathlib.Path(os.environ.get("TANDEM_KUBERNETES_OUT", SOURCE / "build" / "kubernetes"))
VERSION = (SOURCE / "VERSION").read_text().strip()
PATIENCE = 120  # seconds until a wait is given up: a busy machine makes two of every second


class Failure(AssertionError):
    """A command or a wait that failed: a test's failure unless it expects it."""


def run(*command, stdin=None, check=True, **options):
    """stdout, and stderr after it where the command fails and may."""
    process = subprocess.run([str(word) for word in command], input=stdin, capture_output=True, text=True, **options)
    if check and process.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}: exit {process.returncode}\n{process.stdout}{process.stderr}")
    return process.stdout if process.returncode == 0 else process.stdout + process.stderr


def kubectl(*arguments, **options):
    return run(TOOL, "kubectl", *arguments, **options)


def beside(*command):
    """The command line that runs this one on the host beside the node."""
    return [TOOL, "client", *map(str, command)]


def on_node(*command):
    return [TOOL, "node", *map(str, command)]


def wait_until(what, condition, seconds=PATIENCE, every=0.1):
    """Its first true value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"waited {seconds} s in vain until {what}")
        time.sleep(every)


@functools.cache
def _server():
    config = json.loads(kubectl("config", "view", "--raw", "-o", "json"))
    server, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(server["certificate-authority-data"]).decode())
    keys = OUT / "client.pem"
    keys.parent.mkdir(parents=True, exist_ok=True)
    keys.touch(mode=0o600)
    keys.write_bytes(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
    context.load_cert_chain(keys)
    keys.unlink()
    return urllib.parse.urlsplit(server["server"]).netloc, context


_connection = threading.local()


def api(method, path, body=None, kind="application/json"):
    """(status, answer) of the API server."""
    netloc, context = _server()
    for fresh in (False, True):
        if fresh or getattr(_connection, "it", None) is None:
            _connection.it = http.client.HTTPSConnection(netloc, context=context, timeout=30)
        try:
            _connection.it.request(method, path, json.dumps(body) if body is not None else None,
                                   {"Content-Type": kind, "Accept": "application/json"})
            response = _connection.it.getresponse()
            return response.status, json.loads(response.read())
        except (http.client.HTTPException, OSError):
            if fresh:
                raise


def get(path):
    status, answer = api("GET", path)
    if status != 200:
        raise Failure(f"GET {path}: {status} {answer.get('message')}")
    return answer


# ---- pods --------------------------------------------------------------------------------------------------------


class Pod:
    """A pod as it was when asked for. The containers are those of this project: one each."""

    def __init__(self, json_):
        self.json = json_
        self.name = json_["metadata"]["name"]
        self.namespace = json_["metadata"]["namespace"]
        self.uid = json_["metadata"]["uid"]
        self.ip = json_["status"].get("podIP", "")
        self.image = json_["spec"]["containers"][0]["image"]
        self.leaving = "deletionTimestamp" in json_["metadata"]
        self.ready = any(c["type"] == "Ready" and c["status"] == "True" for c in json_["status"].get("conditions", ()))
        status = (json_["status"].get("containerStatuses") or [{}])[0]
        self.restarts = status.get("restartCount", 0)
        self.state = status.get("state", {})
        self.last_state = status.get("lastState", {})

    def __repr__(self):
        return f"{self.name}({'ready' if self.ready else 'not ready'}{', leaving' if self.leaving else ''}, {self.state})"

    def now(self):
        return Pod(get(f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"))

    def reason(self):
        """Why it waits or ended, in Kubernetes' words and those of the container."""
        return " ".join(str(part.get(key, "")) for state in (self.state, self.last_state) for part in state.values()
                        for key in ("reason", "message"))

    def log(self, *arguments):
        return kubectl("-n", self.namespace, "logs", self.name, *arguments)

    def process(self):
        """The process id, on this machine, of the container's program."""
        found = [int(path.parent.name) for path in pathlib.Path("/proc").glob("[0-9]*/cgroup")
                 if _reads(path, f"pod{self.uid}") and _reads(path.parent / "cmdline", "tandem")]
        if len(found) != 1:
            raise Failure(f"{self}: expected one process of tandem, got {found}")
        return found[0]

    def signal(self, number):
        os.kill(self.process(), number)

    def metrics(self):
        return Metrics(run(*on_node("curl", "-sSf", "-m", "5", f"http://{self.ip}:9090/metrics")))

    def memory(self):
        """Bytes that the kernel counts for the pod and could not drop: what the memory limit is held against."""
        for top, usage in (("/sys/fs/cgroup/memory", "memory.usage_in_bytes"), ("/sys/fs/cgroup", "memory.current")):
            for group in pathlib.Path(top).glob(f"*/kubepods/**/pod{self.uid}"):
                statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
                inactive = statistics.get("total_inactive_file", statistics.get("inactive_file"))
                return int((group / usage).read_text()) - int(inactive)
        raise Failure(f"{self}: no control group")


def _reads(path, text):
    with contextlib.suppress(OSError):
        return text in path.read_text(errors="replace")
    return False


class Metrics(dict):
    """{(name, ((label, value), …)): number} of the Prometheus text format."""

    def __init__(self, text):
        super().__init__()
        for line in text.splitlines():
            if line and not line.startswith("#"):
                series, value = line.rsplit(" ", 1)
                name, _, labels = series.partition("{")
                pairs = [pair.partition("=") for pair in labels.rstrip("}").split(",") if pair]
                self[name, tuple(sorted((key, value.strip('"')) for key, _, value in pairs))] = float(value)

    def sum(self, name, **labels):
        return sum(value for (key, pairs), value in self.items() if key == name and set(labels.items()) <= set(pairs))


def pods(namespace, app=None):
    selector = f"?labelSelector=app%3D{app}" if app else ""
    return [Pod(item) for item in get(f"/api/v1/namespaces/{namespace}/pods{selector}")["items"]]


def ready_pods(namespace, app):
    return [pod for pod in pods(namespace, app) if pod.ready and not pod.leaving]


def wait_for_pods(namespace, app, count, **options):
    """Exactly so many, all ready. Those that are leaving do not count: they may take most of a minute."""
    def settled():
        found = [pod for pod in pods(namespace, app) if not pod.leaving]
        return found if len(found) == count and all(pod.ready for pod in found) else None
    try:
        return wait_until(f"{count} pods of {app} are ready and no other stays", settled, **options)
    except Failure as failure:
        raise Failure(f"{failure}: {pods(namespace, app)}") from None


def signal_leaving(namespace, app=None, number=signal.SIGKILL):
    """The pods that are there; those among them that are leaving get this signal."""
    found = pods(namespace, app)
    for pod in found:
        if pod.leaving:
            with contextlib.suppress(Failure, ProcessLookupError):  # it has ended
                pod.signal(number)
    return found


class PodHistory:
    """What became of the pods of an app while the with-block ran: asked five times a second."""

    BLIND = 3  # seconds without an answer of the API server, after which it is a failure

    def __init__(self, namespace, app):
        self.namespace, self.app = namespace, app
        self.states = []  # (when, [Pod])
        self.error = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while not self.stopping.wait(0.2):
            begin = time.time()
            try:
                self.states.append((begin, pods(self.namespace, self.app)))
            except (Failure, OSError, http.client.HTTPException) as error:
                if begin - self.states[-1][0] > self.BLIND:
                    self.error = error
                    return

    def __enter__(self):
        self.states.append((time.time(), pods(self.namespace, self.app)))
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        if self.error is not None:
            raise Failure(f"nobody watched the pods of {self.app} after {self.states[-1][0]}") from self.error

    def serving(self, matches):
        """The spans of time in which a pod of which `matches` is true was ready, by what was seen: [(begin, end)] in order."""
        spans, begin = [], None
        for when, found in self.states:
            there = any(pod.ready and not pod.leaving and matches(pod) for pod in found)
            if there and begin is None:
                begin = when
            if there:
                last = when
            if not there and begin is not None:
                spans.append((begin, last))
                begin = None
        return spans + ([(begin, last)] if begin is not None else [])


# ---- what is deployed --------------------------------------------------------------------------------------------


def rollout(namespace, app, seconds=PATIENCE):
    kubectl("-n", namespace, "rollout", "status", f"deployment/{app}", f"--timeout={seconds}s")


@contextlib.contextmanager
def dns_caches_for(seconds):
    """The cluster's DNS gives names a TTL of so many seconds, and caches what it answered for as long."""
    path = "/api/v1/namespaces/kube-system/configmaps/coredns"
    before = get(path)["data"]["Corefile"]
    slow, changes = re.subn(r"(?m)^(\s*(?:ttl|cache)) \d+", rf"\g<1> {seconds}", before)
    if changes != 2:
        raise Failure(f"expected a line `ttl` and a line `cache` in the Corefile, got {before}")

    def serve(corefile):
        status, answer = api("PATCH", path, {"data": {"Corefile": corefile}}, "application/merge-patch+json")
        if status != 200:
            raise Failure(f"PATCH {path}: {status} {answer.get('message')}")
        kubectl("-n", "kube-system", "rollout", "restart", "deployment/coredns")
        rollout("kube-system", "coredns")
    try:
        serve(slow)
        yield
    finally:
        serve(before)


def external_address(namespace):
    """ADDRESS:PORT of the recommender's load balancer."""
    def found():
        status = get(f"/api/v1/namespaces/{namespace}/services/recommender-service")["status"]
        return (status.get("loadBalancer", {}).get("ingress") or [{}])[0].get("ip")
    return wait_until("the load balancer has an address", found) + ":6000"


def ask(address, path="/recommend/42"):
    """(status, {header: value}, body) as the host beside the node gets it; status 0 where it gets none."""
    process = subprocess.run(beside("curl", "-sS", "-i", "-m", "5", f"http://{address}{path}"), capture_output=True, text=True)
    if process.returncode != 0:
        return 0, {}, process.stderr
    head, _, body = process.stdout.replace("\r\n", "\n").partition("\n\n")
    lines = head.split("\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return int(lines[0].split()[1]), headers, body


def gone(*names, namespace="default"):
    """Whether none of these pods' labels has a pod left."""
    return not any(pods(namespace, name) for name in names)
