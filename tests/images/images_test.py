"""What the images of deploy/docker promise, tried on images as `run.sh` built them: what they hold (files_test.py), and containers that
run with a root they cannot write, no capability and nothing but themselves."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import grpc
import numpy
import requests
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc
from min_tfs_client.requests import TensorServingClient
from min_tfs_client.tensors import tensor_proto_to_ndarray

from built import MODEL, NAMES, NONROOT, OUT, SOURCE, figures, prepare, roots, run
from container import PATIENCE, wait_until
from files_test import FilesTest  # noqa: F401 # its tests are among those of this program

EXAMPLE = SOURCE / "examples" / "movielens"
READINESS = "tensorflow.serving.PredictionService"


def http(port, path):
    try:
        return requests.get(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE)
    except requests.ConnectionError:
        return None


def is_ready(port):
    answer = http(port, "/readyz")
    return answer is not None and answer.status_code == 200


def titles(user):
    answer = http(6000, f"/recommend/{user}")
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["recommendations"]
    return found, answer.headers


def embedding(user, model="user_model"):
    client = TensorServingClient(host="127.0.0.1", port=8500)
    answer = client.predict_request(model, {"string_lookup_1_input": numpy.array([user])}, timeout=PATIENCE)
    return tensor_proto_to_ndarray(answer.outputs["embedding_1"])


def health(service):
    with grpc.insecure_channel("127.0.0.1:8500") as channel:
        try:
            return health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE).status
        except grpc.RpcError:
            return None


class ContainerTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.folder.chmod(0o755)

    def start(self, name, **options):
        return self.enterContext(run(name, **options))

    def model(self, **options):
        """The model server of the image, ready. Its port of metrics is not the app's: here they share a network."""
        container = self.start("user-model", **options | {"environment": {"TANDEM_METRICS_PORT": 9091} | options.get("environment", {})})
        self.wait_until_ready(container, 9091)
        return container

    def app(self, **options):
        container = self.start("recommender-app", **options)
        self.wait_until_ready(container, 6000)
        return container

    def wait_until_ready(self, container, port):
        def ready():
            if not container.is_running():
                self.fail(f"ended: {container.stdout()}{container.stderr()}")
            return is_ready(port)
        wait_until(f"port {port} says ready", ready)

    def assert_fails(self, container, *words):
        """Ends by itself with 1, and the last line of its log has the reason."""
        self.assertEqual(container.wait(), 1)
        said = (container.stdout() + container.stderr()).strip().splitlines()
        for word in words:
            self.assertIn(word, said[-1])

    def test_user_model_just_runs(self):
        self.model()
        self.assertEqual(embedding("42").shape, (1, 32))
        self.assertEqual(health(""), health_pb2.HealthCheckResponse.SERVING)
        self.assertEqual(health(READINESS), health_pb2.HealthCheckResponse.SERVING)

    def test_recommender_app_just_runs(self):
        self.app()
        found, headers = titles("42")
        self.assertEqual(len(found), 10)
        self.assertNotIn("X-Tandem-Degraded", headers)

    def test_both_answer_together_as_the_command_line_does(self):
        bundle = (roots["user-model"] / MODEL, "ro")
        with self.start("tandem", command=["recommend", "/bundle", "--user", "42"], volumes={"/bundle": bundle}) as once:
            self.assertEqual(once.wait(), 0, once.stderr())
            expected = [line.split("\t")[2] for line in once.stdout().splitlines()]
        self.model()
        self.app(environment={"TANDEM_MODEL_SERVER": "localhost:8500"})
        found, headers = titles("42")
        self.assertNotIn("X-Tandem-Degraded", headers)
        self.assertEqual(found, expected)

    def test_model_name_and_base_path_are_taken_as_by_tf_serving(self):
        model = (roots["user-model"] / MODEL, "ro")
        for environment, place in (({"MODEL_NAME": "films"}, "/models/films"),
                                   ({"MODEL_NAME": "films", "MODEL_BASE_PATH": "/tmp/bundles"}, "/tmp/bundles/films")):
            with self.subTest(environment=environment):
                container = self.model(environment=environment, volumes={place: model})
                self.assertEqual(embedding("42", model="films").shape, (1, 32))
                with self.assertRaises(grpc.RpcError):
                    embedding("42")
                self.assertEqual(container.stop()[0], 0)

    def test_log_is_json_lines_on_stdout(self):
        container = self.app()
        self.assertEqual(container.stop()[0], 0)
        lines = [json.loads(line) for line in container.stdout().splitlines()]
        self.assertGreater(len(lines), 0)
        for line in lines:
            self.assertLessEqual({"time", "level", "message"}, set(line))
        self.assertEqual(container.stderr(), "")

    def test_metrics_have_a_port_of_their_own(self):
        self.app()
        self.assertEqual(http(6000, "/metrics").status_code, 404)
        self.assertIn("tandem_", http(9090, "/metrics").text)

    def test_ends_at_sigterm_as_process_1(self):
        for name, start in (("user-model", self.model), ("recommender-app", self.app)):
            with self.subTest(image=name):
                code, seconds = start().stop()
                self.assertEqual(code, 0)
                figures[f"{name}, s from SIGTERM to the end, idle"] = f"{seconds:.2f}"
                self.assertLess(seconds, 5)

    def test_is_ready_soon_after_it_starts(self):
        for name, start in (("user-model", self.model), ("recommender-app", self.app)):
            seconds = []
            for _ in range(5):
                with start() as container:
                    seconds.append(time.monotonic() - container.started)
                    status = pathlib.Path(f"/proc/{container.pid()}/status").read_text()
                    memory = {key: int(value) / 1024 for key, value in re.findall(r"(Rss\w+|VmRSS):\s+(\d+) kB", status)}
            figures[f"{name}, s from the start of its container to ready, of 5"] = f"{min(seconds):.2f} to {max(seconds):.2f}"
            figures[f"{name}, MiB resident when ready"] = ", ".join(f"{key} {value:.0f}" for key, value in memory.items())
            self.assertLess(min(seconds), 3, name)  # what a pod has; the machine may be busy
            self.assertLess(memory["RssAnon"] + memory["RssShmem"], 64, name)

    def test_any_user_may_run_it(self):
        self.app(user="12345:12345")
        self.assertEqual(len(titles("42")[0]), 10)

    def training(self, *arguments, out="models", **options):
        (self.folder / out).mkdir()
        os.chown(self.folder / out, NONROOT, NONROOT)
        return self.start("tandem", command=["train", "/data/movielens.toml", "--out", "/out", *arguments],
                          volumes={"/data": (EXAMPLE, "ro"), "/out": (self.folder / out, "rw")}, **options)

    def test_tandem_trains_the_model_that_is_in_the_other_images(self):
        container = self.training("--threads", "1")  # the build took all there are
        self.assertEqual(container.wait(600), 0, container.stderr())
        trained = self.folder / "models" / "1"
        built = roots["user-model"] / MODEL / "1"
        names = sorted(str(path.relative_to(built)) for path in built.rglob("*") if path.is_file())
        self.assertEqual(names, sorted(str(path.relative_to(trained)) for path in trained.rglob("*") if path.is_file()))
        for name in names:
            self.assertEqual((built / name).read_bytes(), (trained / name).read_bytes(), name)

    def test_training_ends_at_sigterm_as_process_1_and_leaves_no_version(self):
        container = self.training("--json")
        wait_until("it is training", lambda: "epoch" in container.stdout())
        code, seconds = container.stop()
        self.assertNotEqual(code, 0)
        self.assertLess(seconds, 10)
        self.assertFalse((self.folder / "models" / "1").exists())

    def test_tandem_alone_says_what_it_can(self):
        container = self.start("tandem")
        self.assertEqual(container.wait(), 0)
        self.assertIn("serve-model", container.stdout())

    def test_no_image_has_a_shell(self):
        for name in NAMES:
            for shell in ("/bin/sh", "/bin/bash", "sh"):
                with self.assertRaises(FileNotFoundError):
                    subprocess.run([shell], preexec_fn=lambda root=roots[name]: os.chroot(root), env={"PATH": "/bin:/usr/bin"})

    def test_a_model_that_is_not_there_ends_with_the_reason(self):
        self.assert_fails(self.start("user-model", environment={"MODEL_NAME": "absent"}), "/models/absent")
        self.assert_fails(self.start("recommender-app", environment={"TANDEM_BUNDLE": "/models/absent"}), "/models/absent")

    def test_a_wrong_flag_ends_with_the_reason(self):
        container = self.start("user-model", command=["serve-model", "--no-such-flag"])
        self.assertEqual(container.wait(), 2)
        self.assertIn("--no-such-flag", container.stderr())

    def test_a_port_in_use_ends_with_the_reason(self):
        with socket.create_server(("0.0.0.0", 6000)):
            self.assert_fails(self.start("recommender-app"), "6000")


class ComposeTest(unittest.TestCase):
    """deploy/compose.yaml, read as YAML; that `docker compose` reads it likewise is a test of its own."""

    def setUp(self):
        self.services = yaml.safe_load((SOURCE / "deploy" / "compose.yaml").read_text())["services"]

    def test_docker_compose_can_read_it(self):
        if shutil.which("go") is None:
            self.skipTest("no go to build the reader of docker compose with")
        reader = OUT / "compose"
        build = subprocess.run(["go", "build", "-mod=readonly", "-o", str(reader), "."], capture_output=True, text=True,
                               cwd=SOURCE / "tests" / "images" / "compose", timeout=600)
        self.assertEqual(build.returncode, 0, build.stderr)
        read = subprocess.run([reader, SOURCE / "deploy" / "compose.yaml"], capture_output=True, text=True)
        self.assertEqual(read.returncode, 0, read.stderr)
        project = json.loads(read.stdout)
        self.assertEqual(set(project["services"]), {"user-model", "recommender-app"})
        for name, service in project["services"].items():
            build = service["build"]
            self.assertTrue((pathlib.Path(build["context"]) / build["dockerfile"]).samefile(SOURCE / "deploy/docker/Dockerfile"))
            self.assertEqual((build["target"], service["image"]), (name, name))

    def test_services_are_held_as_the_containers_of_these_tests_are(self):
        for name, service in self.services.items():
            self.assertEqual((service["read_only"], service["cap_drop"], service["security_opt"]),
                             (True, ["ALL"], ["no-new-privileges:true"]), name)
            self.assertNotIn("user", service, name)  # the image's
            grace = int(service["stop_grace_period"].removesuffix("s"))
            self.assertGreater(grace, service["environment"]["TANDEM_DRAIN_TIMEOUT"], name)
        self.assertEqual([service.get("ports") for service in self.services.values()], [None, ["${TANDEM_HTTP_PORT:-6000}:6000"]])
        self.assertEqual(self.services["recommender-app"]["environment"]["TANDEM_MODEL_SERVER"], "user-model:8500")

    def test_health_checks_tell_ready_from_not(self):
        for name, service in self.services.items():
            check = service["healthcheck"]["test"]
            self.assertEqual(check[0], "CMD", name)
            with run(name, environment=service["environment"]) as container:
                wait_until(f"{name} is healthy", lambda c=container: c.is_running() and c.execute(*check[1:])[0] == 0)
                container.signal(signal.SIGSTOP)  # there, and silent
                code, said = container.execute(*check[1:])
                container.signal(signal.SIGCONT)
                self.assertEqual((code, said.count("\n")), (1, 1), said)
                self.assertIn("localhost:9090 does not answer", said)
            bundles = {"/models/user_model": (self.enterContext(tempfile.TemporaryDirectory()), "ro")}
            pathlib.Path(bundles["/models/user_model"][0]).chmod(0o755)
            with run(name, environment=service["environment"], volumes=bundles) as container:
                wait_until(f"{name} says that it has no model",
                           lambda c=container: c.is_running() and "is not ready" in c.execute(*check[1:])[1])


class CountingResult(unittest.TextTestResult):
    """A subtest that fails fails its test, once."""

    def counts(self):
        failed = {getattr(test, "test_case", test) for test, _ in self.failures + self.errors}
        return self.testsRun - len(failed) - len(self.skipped), len(failed), len(self.skipped)


if __name__ == "__main__":
    prepare()
    result = unittest.main(verbosity=2, exit=False, testRunner=unittest.TextTestRunner(resultclass=CountingResult, verbosity=2)).result
    for figure, value in figures.items():
        print(f"{figure}: {value}", file=sys.stderr)
    print("%d passed, %d failed, %d skipped" % result.counts())
    sys.exit(not result.wasSuccessful())
