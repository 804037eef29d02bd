"""The overlay training: models on a volume, a job that publishes the next version, good and broken ones."""
import os
import shutil
import sys
import time
import unittest

import yaml

from cluster import ask, external_address, get, kubectl, on_node, pods, run, wait_until
from fixture import (APP, EXAMPLE, MODEL, NAMESPACE, OUT, REPORT, ROOT, ClusterTestCase, Disturbance, apply_overlay, bundle,
                     delete_namespace, tandem, wait_for, write_expected)

VOLUME = ROOT / "volume"
BASE = VOLUME / "user_model"
GROUP = 65532  # of pods: fsGroup
LIVENESS = 26  # seconds: longer than a liveness probe is patient
SETTLED = 3  # seconds, after which no proxy sends a connection to a pod that was killed to begin anew
EPOCHS = 30  # a second of training: what is published matters, not how good it is
# A volume of this machine's disk, bound to the claim of the overlay.
PERSISTENT_VOLUME = {
    "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "tandem-training"},
    "spec": {"capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteMany"], "persistentVolumeReclaimPolicy": "Retain",
             "storageClassName": "", "hostPath": {"path": str(VOLUME)}, "claimRef": {"namespace": NAMESPACE, "name": "training"}},
}


def publish(version, source):
    """A version appears whole, as the trainer makes it appear."""
    shutil.copytree(source, VOLUME / "coming")
    (VOLUME / "coming").rename(BASE / str(version))


def clear():
    for path in BASE.iterdir():
        shutil.rmtree(path)


def edit_byte(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def setUpModule():
    """A volume without `user_model`, as fsGroup leaves it; it does not hold for a hostPath."""
    shutil.rmtree(VOLUME, ignore_errors=True)
    shutil.copytree(EXAMPLE, VOLUME / "movielens")
    os.chown(VOLUME, 0, GROUP)
    VOLUME.chmod(0o2775)
    apply_overlay("training", PERSISTENT_VOLUME)
    wait_until("the kubelet makes the folder of versions", BASE.is_dir)


def tearDownModule():
    delete_namespace(NAMESPACE)
    kubectl("delete", "persistentvolume", "tandem-training", "--ignore-not-found")
    shutil.rmtree(VOLUME, ignore_errors=True)


def train(name, seed):
    """Runs the overlay's job now, with fewer epochs and this seed."""
    job = yaml.safe_load(kubectl("-n", NAMESPACE, "create", "job", "--from=cronjob/train", name, "--dry-run=client", "-o", "yaml"))
    job["spec"]["template"]["spec"]["containers"][0]["args"] += [f"--set=training.epochs={EPOCHS}", f"--set=seed={seed}"]
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump(job))
    return lambda: get(f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs/{name}")["status"].get("succeeded") == 1


def restart(*apps):
    """New pods, whose servers find what is on the volume now. Not a rollout: none might get ready."""
    kubectl("-n", NAMESPACE, "delete", "pods", "-l", f"app in ({','.join(apps)})", "--grace-period=1")


def wait_for_log(pod, *words):
    wait_until(f"{pod.name} logs {words}", lambda: any(all(word in line for word in words) for line in pod.log().splitlines()))


class VolumeTest(ClusterTestCase):
    def serve(self, *sources):
        """Versions 1, 2, … on the volume, and both servers started on them."""
        clear()
        for number, source in enumerate(sources, 1):
            publish(number, source)
        restart(MODEL, APP)
        for app in (MODEL, APP):
            wait_for(app, 2)
        time.sleep(SETTLED)
        address = external_address(NAMESPACE)
        wait_until("answers come through the model server",
                   lambda: all(ask(address)[0] == 200 and "x-tandem-degraded" not in ask(address)[1] for _ in range(4)))

    def settled_unready(self, app):
        """Two pods that run, are not ready, and were never restarted."""
        def found():
            now = pods(NAMESPACE, app)
            return now if len(now) == 2 and all("running" in pod.state and not pod.leaving for pod in now) else None
        now = wait_until(f"two pods of {app} run", found)
        self.assertEqual([(pod.ready, pod.restarts) for pod in now], [(False, 0)] * 2)
        return now

    def test_servers_of_an_empty_volume_wait_until_the_job_publishes_into_the_folder_that_the_kubelet_made(self):
        self.assertEqual((BASE.stat().st_uid, BASE.stat().st_gid), (0, GROUP))
        clear()
        restart(MODEL, APP)
        for app in (MODEL, APP):
            for pod in self.settled_unready(app):
                wait_for_log(pod, "no version")
        wait_until("the job is done", train("first", 1))
        for app in (MODEL, APP):
            self.assertEqual({pod.restarts for pod in wait_for(app, 2)}, {0})
        self.assertEqual(os.listdir(BASE), ["1"])
        self.assertEqual(ask(external_address(NAMESPACE))[0], 200)

    def test_a_version_that_the_job_publishes_is_swapped_in(self):
        trained = {}
        for name, seed in (("old", 1), ("new", 2)):
            trained[name] = ROOT / "bundles" / name
            if not trained[name].exists():
                tandem("train", VOLUME / "movielens" / "movielens.toml", "--out", trained[name], "--set", f"training.epochs={EPOCHS}",
                       "--set", f"seed={seed}")
        expected = write_expected(OUT / "swap.json", trained)
        self.serve(trained["old"] / "1")
        with Disturbance("model hot swap: the job trains and publishes a version, both servers swap it in", expected) as disturbance:
            done = train("second", 2)
            wait_until("the job is done", done)
            published = time.time()
            wait_until("every server has swapped", lambda: all(
                pod.metrics().sum("tandem_model_version", model="user_model") == 2 for app in (MODEL, APP) for pod in pods(NAMESPACE, app)))
            swapped = time.time()
            time.sleep(3)
        answers = disturbance.answers
        self.assert_whole(disturbance)
        self.assertEqual({answer.label for answer in answers.between(0, disturbance.begin)}, {"old"})
        self.assertEqual({answer.label for answer in answers.between(swapped + 1, time.time())}, {"new"})
        REPORT.number("model hot swap: published to swapped in by all four pods", swapped - published, "s")
        self.assertEqual({pod.restarts for app in (MODEL, APP) for pod in pods(NAMESPACE, app)}, {0})

    def test_a_broken_version_is_refused_and_the_one_before_serves_on(self):
        self.serve(bundle("a") / "1")
        expected = write_expected(OUT / "expected.json", {name: bundle(name) for name in ("a", "b")})
        broken = ROOT / "broken"
        shutil.copytree(bundle("b") / "1", broken, dirs_exist_ok=True)
        edit_byte(broken / "items.safetensors")
        with Disturbance("a broken version is published", expected) as disturbance:
            publish(2, broken)
            for app in (MODEL, APP):
                for pod in pods(NAMESPACE, app):
                    wait_for_log(pod, "version 2", "items.safetensors")
            time.sleep(2)
        self.assert_whole(disturbance)
        self.assertEqual({answer.label for answer in disturbance.answers}, {"a"})
        for app in (MODEL, APP):
            for pod in wait_for(app, 2):
                metrics = pod.metrics()
                self.assertGreaterEqual(metrics.sum("tandem_model_refusals_total", model="user_model"), 1)
                self.assertEqual(metrics.sum("tandem_model_version", model="user_model"), 1)
        self.assertRegex(self.model_status(pods(NAMESPACE, MODEL)[0], 2), "items.safetensors")

    @staticmethod
    def model_status(pod, version):
        """What TensorFlow Serving's clients are told of a version: state, code and message, as text."""
        script = ("import sys, grpc\n"
                  "from tensorflow_serving.apis import get_model_status_pb2 as m, model_service_pb2_grpc as s\n"
                  "r = m.GetModelStatusRequest(); r.model_spec.name = 'user_model'\n"
                  "a = s.ModelServiceStub(grpc.insecure_channel(sys.argv[1])).GetModelStatus(r, timeout=5)\n"
                  "print(*[v for v in a.model_version_status if v.version == int(sys.argv[2])])\n")
        return run(*on_node(sys.executable, "-c", script, f"{pod.ip}:8500", version))

    def test_servers_that_find_a_broken_version_only_are_not_ready_and_say_why(self):
        broken = ROOT / "broken"
        shutil.copytree(bundle("b") / "1", broken, dirs_exist_ok=True)
        edit_byte(broken / "items.safetensors")
        clear()
        publish(1, broken)
        restart(MODEL, APP)
        for app in (MODEL, APP):
            for pod in self.settled_unready(app):
                wait_for_log(pod, "version 1", "items.safetensors")
        time.sleep(LIVENESS)
        for app in (MODEL, APP):
            self.settled_unready(app)
        publish(2, bundle("a") / "1")
        for app in (MODEL, APP):
            self.assertEqual({pod.restarts for pod in wait_for(app, 2)}, {0})

    def test_a_server_that_loads_for_long_is_not_restarted(self):
        # A file that gives nothing to its reader until somebody writes: a disk as slow as we like.
        clear()
        shutil.copytree(bundle("a") / "1", BASE / "1")
        slow = BASE / "1" / "manifest.json"
        manifest = slow.read_bytes()
        slow.unlink()
        os.mkfifo(slow, 0o644)
        restart(MODEL, APP)
        for app in (MODEL, APP):
            self.settled_unready(app)
        begin = time.time()
        time.sleep(LIVENESS)
        for app in (MODEL, APP):
            self.settled_unready(app)
        replacement = BASE / "1" / "manifest.new"
        replacement.write_bytes(manifest)
        handle = os.open(slow, os.O_RDWR | os.O_NONBLOCK)
        os.write(handle, manifest)
        os.close(handle)
        replacement.rename(slow)
        publish(2, bundle("a") / "1")
        for app in (MODEL, APP):
            self.assertEqual({pod.restarts for pod in wait_for(app, 2)}, {0})
        REPORT.add("note", f"Servers whose model takes {time.time() - begin:.0f} s to load", text="up, not ready, restarted by no probe")


if __name__ == "__main__":
    unittest.main()
