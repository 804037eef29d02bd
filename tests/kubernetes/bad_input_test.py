"""What a container is given wrongly it says in one line, and Kubernetes shows that line."""
import copy
import json
import unittest

from cluster import Pod, get, kubectl, wait_until
from fixture import APP, MODEL, NAMESPACE, ClusterTestCase, apply_overlay, delete_namespace, deployment


def setUpModule():
    apply_overlay("production")


def tearDownModule():
    delete_namespace(NAMESPACE)


class BadInputTest(ClusterTestCase):
    def start(self, app, edit):
        """A pod like those of the deployment but for an edit, out of reach of the services."""
        template = deployment(app)["spec"]["template"]
        pod = {"apiVersion": "v1", "kind": "Pod", "spec": copy.deepcopy(template["spec"]),
               "metadata": {"name": f"bad-{self.id().rpartition('.')[2].replace('_', '-')[5:50]}-{app}", "namespace": NAMESPACE}}
        edit(pod["spec"])
        name = pod["metadata"]["name"]
        self.addCleanup(kubectl, "-n", NAMESPACE, "delete", "pod", name, "--grace-period=0", "--force", "--ignore-not-found")
        kubectl("apply", "-f", "-", stdin=json.dumps(pod))
        return Pod(get(f"/api/v1/namespaces/{NAMESPACE}/pods/{name}"))

    def assert_end(self, *cases, container=0):
        """Pods of (app, edit, words it says), begun at once."""
        begun = [(self.start(app, edit), words) for app, edit, *words in cases]
        for pod, words in begun:
            self.assert_ends(pod, words, container)

    def assert_ends(self, pod, words, container):
        """With a code, and a message that has these words, which the pod's status shows while it is restarted in vain."""
        def crashed():
            status = (pod.now().json["status"].get("containerStatuses") or [{}] * (container + 1))
            ended = [s["lastState"]["terminated"] for s in status if s.get("lastState", {}).get("terminated")]
            return ended[0] if ended and any(s["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff" for s in status) else None
        ended = wait_until("the container ends, again and again", crashed)
        said = ended["message"].strip()
        self.assertNotEqual(ended["exitCode"], 0)
        for word in words:
            self.assertRegex(said, word)
        described = kubectl("-n", NAMESPACE, "describe", "pod", pod.name)
        self.assertIn(said.splitlines()[-1][:40], described)

    @staticmethod
    def arguments(*words):
        return lambda spec: spec["containers"][0].update(args=list(words))

    @staticmethod
    def setting(name, value):
        return lambda spec: spec["containers"][0].update(env=[{"name": name, "value": value}])

    def test_a_wrong_flag(self):
        self.assert_end((MODEL, self.arguments("serve-model", "--prot=8500"), "--prot"),
                        (APP, self.arguments("serve-app", "--prot=8500"), "--prot"))

    def test_a_wrong_setting(self):
        wrong = self.setting("TANDEM_PORT", "eighty")
        self.assert_end((MODEL, wrong, "TANDEM_PORT", "eighty"), (APP, wrong, "TANDEM_PORT", "eighty"))

    def test_a_missing_model_path(self):
        self.assert_end((MODEL, self.setting("MODEL_BASE_PATH", "/nowhere"), "/nowhere"),
                        (APP, self.setting("TANDEM_BUNDLE", "/nowhere"), "/nowhere"))

    def test_an_unreadable_model_path(self):
        # A file of the image stands where a folder should be.
        self.assert_end((MODEL, self.setting("TANDEM_MODEL_BASE_PATH", "/etc/passwd"), "/etc/passwd"),
                        (APP, self.setting("TANDEM_BUNDLE", "/etc/passwd"), "/etc/passwd"))

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
        self.assert_end((MODEL, twice, "use", ":(8500|9090)"), (APP, twice, "use", ":(6000|9090)"), container=1)

    def test_an_absent_secret(self):
        def wants(spec):
            spec["containers"][0].setdefault("envFrom", []).append({"secretRef": {"name": "absent"}})
        waiting = [self.start(app, wants) for app in (MODEL, APP)]
        for pod in waiting:
            wait_until("the pod says what it waits for", lambda pod=pod: 'secret "absent" not found' in pod.now().reason())
        kubectl("-n", NAMESPACE, "create", "secret", "generic", "absent", "--from-literal=TANDEM_LOG_FORMAT=json")
        self.addCleanup(kubectl, "-n", NAMESPACE, "delete", "secret", "absent")
        for pod in waiting:
            wait_until("the pod is ready once the secret is there", lambda pod=pod: pod.now().ready)


if __name__ == "__main__":
    unittest.main()
