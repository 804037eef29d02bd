"""What a container is given wrongly it says in one line, and Kubernetes shows that line."""
import copy
import json
import unittest

from cluster import Pod, get, kubectl, wait_until
from fixture import APP, MODEL, NAMESPACE, ClusterTestCase, apply_overlay, delete_namespace, wait_for


def setUpModule():
    apply_overlay("production")
    for app in (MODEL, APP):
        wait_for(app, 2)


def tearDownModule():
    delete_namespace(NAMESPACE)


class BadInputTest(ClusterTestCase):
    def start(self, app, edit):
        """A pod like those of the deployment but for an edit, out of reach of the services."""
        template = get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{app}")["spec"]["template"]
        pod = {"apiVersion": "v1", "kind": "Pod", "spec": copy.deepcopy(template["spec"]),
               "metadata": {"name": f"bad-{self.id().rpartition('.')[2].replace('_', '-')[5:50]}-{app}", "namespace": NAMESPACE}}
        edit(pod["spec"])
        name = pod["metadata"]["name"]
        self.addCleanup(kubectl, "-n", NAMESPACE, "delete", "pod", name, "--grace-period=0", "--force", "--ignore-not-found")
        kubectl("apply", "-f", "-", stdin=json.dumps(pod))
        return Pod(get(f"/api/v1/namespaces/{NAMESPACE}/pods/{name}"))

    def assert_ends(self, app, edit, *words, container=0):
        """With a code, and a message that has these words, which the pod's status shows while it is restarted in vain."""
        pod = self.start(app, edit)

        def crashed():
            status = (pod.now().json["status"].get("containerStatuses") or [{}] * (container + 1))
            ended = [s["lastState"]["terminated"] for s in status if s.get("lastState", {}).get("terminated")]
            return ended[0] if ended and any(s["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff" for s in status) else None
        ended = wait_until("the container ends, again and again", crashed)
        said = ended["message"].strip()
        self.assertNotEqual(ended["exitCode"], 0)
        for word in words:
            self.assertIn(word, said)
        described = kubectl("-n", NAMESPACE, "describe", "pod", pod.name)
        self.assertIn(said.splitlines()[-1][:40], described)
        return said

    def test_a_wrong_flag(self):
        for app, verb in ((MODEL, "serve-model"), (APP, "serve-app")):
            self.assert_ends(app, lambda spec: spec["containers"][0].update(args=[verb, "--prot=8500"]), "--prot")

    def test_a_wrong_setting(self):
        for app in (MODEL, APP):
            self.assert_ends(app, lambda spec: spec["containers"][0].update(env=[{"name": "TANDEM_PORT", "value": "eighty"}]),
                             "TANDEM_PORT", "eighty")

    def test_a_missing_model_path(self):
        for app, name in ((MODEL, "MODEL_BASE_PATH"), (APP, "TANDEM_BUNDLE")):
            self.assert_ends(app, lambda spec: spec["containers"][0].update(env=[{"name": name, "value": "/nowhere"}]), "/nowhere")

    def test_an_unreadable_model_path(self):
        # A file of the image stands where a folder should be.
        for app, name in ((MODEL, "TANDEM_MODEL_BASE_PATH"), (APP, "TANDEM_BUNDLE")):
            self.assert_ends(app, lambda spec: spec["containers"][0].update(env=[{"name": name, "value": "/etc/passwd"}]), "/etc/passwd")

    def test_a_port_in_use(self):
        def twice(spec):
            second = copy.deepcopy(spec["containers"][0])
            second["name"] = "second"
            for container in (spec["containers"][0], second):
                container.pop("ports")
                container.pop("livenessProbe"), container.pop("startupProbe"), container.pop("readinessProbe")
                container["envFrom"] = []
            second["resources"] = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "128Mi"}}
            spec["containers"].append(second)
        for app, port in ((MODEL, "8500"), (APP, "6000")):
            said = self.assert_ends(app, twice, "use", container=1)
            self.assertRegex(said, f":({port}|9090)")

    def test_an_absent_secret(self):
        def wants(spec):
            spec["containers"][0].setdefault("envFrom", []).append({"secretRef": {"name": "absent"}})
        for app in (MODEL, APP):
            pod = self.start(app, wants)
            wait_until("the pod says what it waits for", lambda: 'secret "absent" not found' in pod.now().reason())
        kubectl("-n", NAMESPACE, "create", "secret", "generic", "absent", "--from-literal=TANDEM_LOG_FORMAT=json")
        self.addCleanup(kubectl, "-n", NAMESPACE, "delete", "secret", "absent")
        wait_until("the pod is ready once the secret is there", lambda: pod.now().ready)


if __name__ == "__main__":
    unittest.main()
