"""What the images of deploy/docker promise, tried on images as `run.sh` built them: size, contents, metadata, and containers that
run with a root they cannot write, no capability and nothing but themselves.

The environment names the folder with the layouts (IMAGES_OUT); the process has a network of its own, with nothing on any port."""
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import struct
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

from container import PATIENCE, Container, wait_until
from image import Image

SOURCE = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = SOURCE / "examples" / "movielens"
OUT = pathlib.Path(os.environ["IMAGES_OUT"])
NAMES = ("user-model", "recommender-app", "tandem")
MEGABYTE = 1_000_000
NONROOT = 65532
MODEL = "models/user_model"
READINESS = "tensorflow.serving.PredictionService"

images, roots, figures = {}, {}, {}


def setUpModule():
    with socket.socket() as any_socket:  # loopback of the new network: up
        request = struct.pack("16sh14x", b"lo", 0x1 | 0x40)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS
    for name in NAMES:
        images[name] = Image(OUT / "layout" / name)
        roots[name] = images[name].unpack(OUT / "root" / name)


def tearDownModule():
    for name, value in figures.items():
        print(f"{name}: {value}", file=sys.stderr)


def run(name, **options):
    return Container(images[name], roots[name], **options)


def files_of_model(entries):
    return {path for path, entry in entries.items() if path.startswith("models/") and entry.isreg()}


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


def each():
    """(name, image, its files and folders)"""
    return [(name, images[name], images[name].entries()) for name in NAMES]


class FilesTest(unittest.TestCase):
    def test_is_within_its_bounds_without_the_model(self):
        for name, image, entries in each():
            total = sum(entry.size for entry in entries.values())
            unpacked = total - sum(entries[path].size for path in files_of_model(entries))
            compressed = image.compressed_size(without="models/")
            figures[f"{name}, MB without the model"] = f"{compressed / MEGABYTE:.1f} compressed, {unpacked / MEGABYTE:.1f} unpacked"
            figures[f"{name}, MB with it"] = f"{image.compressed_size(without='/') / MEGABYTE:.1f} compressed, {total / MEGABYTE:.1f} unpacked"
            self.assertLessEqual(unpacked, 90 * MEGABYTE, name)
            self.assertLessEqual(compressed, 30 * MEGABYTE, name)

    def test_holds_one_program_and_the_libraries_it_names(self):
        for name, _, entries in each():
            elf = set()
            for path in (path for path in roots[name].rglob("*") if path.is_file() and not path.is_symlink()):
                with open(path, "rb") as file:
                    if file.read(4) == b"\x7fELF":
                        elf.add("/" + str(path.relative_to(roots[name])))
            listed = subprocess.run(["/lib64/ld-linux-x86-64.so.2", "--list", "/usr/bin/tandem"], capture_output=True, text=True,
                                    check=True, preexec_fn=lambda root=roots[name]: os.chroot(root)).stdout
            self.assertNotIn("not found", listed, name)
            libraries = set(re.findall(r"(?<=\s)(/\S+)", listed)) | {"/lib64/ld-linux-x86-64.so.2"}
            needed = {"/usr" + path if path.startswith("/lib") else path for path in libraries}
            self.assertEqual(elf, needed | {"/usr/bin/tandem"}, name)
            # Nor is anything else a program, as a script would be.
            may_run = {"/" + path for path, entry in entries.items() if entry.isreg() and entry.mode & 0o111}
            self.assertEqual(may_run, elf, name)

    def test_nothing_can_be_changed_by_who_runs_in_it(self):
        for name, _, entries in each():
            for path, entry in ((f"{name}: {path}", entry) for path, entry in entries.items()):
                self.assertEqual((entry.uid, entry.gid), (0, 0), path)
                self.assertFalse(entry.mode & (stat.S_ISUID | stat.S_ISGID), path)
                if not path.endswith(": tmp") and not entry.issym():
                    self.assertFalse(entry.mode & 0o022, path)
                self.assertTrue(entry.isreg() or entry.isdir() or entry.issym(), path)
            self.assertEqual(entries["tmp"].mode & 0o7777, 0o1777)

    def test_each_library_has_its_licence_and_the_entry_that_scanners_read(self):
        for name, _, entries in each():
            packages = {path.rsplit("/", 1)[1] for path in entries if path.startswith("var/lib/dpkg/status.d/")}
            self.assertIn("libdnnl2", packages)
            for package in packages:
                self.assertIn(f"usr/share/doc/{package}/copyright", entries)
                entry = (roots[name] / "var/lib/dpkg/status.d" / package).read_text()
                self.assertRegex(entry, f"^Package: {re.escape(package)}\n")
            self.assertIn("Apache License", (roots[name] / "usr/share/doc/tandem/copyright").read_text())

    def test_bill_of_materials_lists_what_is_inside(self):
        for name, _, entries in each():
            bill = json.loads((roots[name] / "usr/share/doc/tandem/sbom.spdx.json").read_text())
            inside = {path.rsplit("/", 1)[1] for path in entries if path.startswith("var/lib/dpkg/status.d/")}
            inside |= {name, "tandem"} | ({"user_model"} if name != "tandem" else set())
            self.assertEqual({package["name"] for package in bill["packages"]}, inside, name)
            self.assertIn(name, bill["name"])

    def test_bill_of_materials_is_valid_spdx(self):
        try:
            from spdx_tools.spdx.parser.parse_anything import parse_file
            from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
        except ImportError:
            self.skipTest("spdx-tools is not installed")
        for name, _, _ in each():
            document = parse_file(str(roots[name] / "usr/share/doc/tandem/sbom.spdx.json"))
            self.assertEqual(validate_full_spdx_document(document), [], name)

    def test_says_what_it_is(self):
        version = (SOURCE / "VERSION").read_text().strip()
        revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=SOURCE, capture_output=True, text=True, check=True).stdout.strip()
        for name, image, _ in each():
            config = image.config["config"]
            labels = {key.removeprefix("org.opencontainers.image."): value for key, value in config["Labels"].items()
                      if key.startswith("org.opencontainers.image.")}
            self.assertTrue(labels.pop("description") and labels.pop("source"))
            self.assertEqual(labels, {"title": name, "version": version, "revision": revision, "licenses": "Apache-2.0"}, name)
            self.assertEqual(config["User"], f"{NONROOT}:{NONROOT}")
            self.assertEqual(config["Entrypoint"], ["/usr/bin/tandem"])
        ports = {name: set(images[name].config["config"].get("ExposedPorts", ())) for name in NAMES}
        self.assertEqual(ports, {"user-model": {"8500/tcp", "9090/tcp"}, "recommender-app": {"6000/tcp", "9090/tcp"}, "tandem": set()})

    def test_both_images_hold_the_same_model(self):
        model, app = ({str(path.relative_to(roots[name] / MODEL)): path.read_bytes() for path in (roots[name] / MODEL).rglob("*")
                       if path.is_file()} for name in ("user-model", "recommender-app"))
        self.assertIn("1/manifest.json", model)
        self.assertEqual(model, app)

    def test_a_second_build_gives_the_same_digests(self):
        again = OUT / "again"
        if not again.is_dir():
            self.skipTest("built once only; run.sh --twice builds a second time, from nothing")
        for name, image, _ in each():
            self.assertEqual(image.digest, Image(again / name).digest, name)


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
    result = unittest.main(verbosity=2, exit=False, testRunner=unittest.TextTestRunner(resultclass=CountingResult, verbosity=2)).result
    print("%d passed, %d failed, %d skipped" % result.counts())
    sys.exit(not result.wasSuccessful())
