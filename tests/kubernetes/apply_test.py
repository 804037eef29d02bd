"""The API server takes every overlay: its schema, its admission, and where the Prometheus operator's definitions can be had, theirs."""
import json
import pathlib
import shutil
import unittest

from cluster import DEPLOY, Failure, kubectl, run
from fixture import NAMESPACE, ClusterTestCase, delete_namespace

OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.79.2"
DEFINITIONS = ("servicemonitors", "prometheusrules")


class ApplyTest(ClusterTestCase):
    @classmethod
    def setUpClass(cls):
        kubectl("apply", "-f", DEPLOY / "overlays" / "production" / "namespace.yaml")

    @classmethod
    def tearDownClass(cls):
        delete_namespace(NAMESPACE)

    def accept(self, overlay):
        """Strict: a field that the schema does not know is an error, and so is a pod below the namespace's level of security."""
        out = kubectl("apply", "-k", DEPLOY / "overlays" / overlay, "--dry-run=server", "--validate=strict", "--warnings-as-errors")
        self.assertRegex(out, r"\(server dry run\)")

    def test_the_server_accepts_minikube(self):
        self.accept("minikube")

    def test_the_server_accepts_production(self):
        self.accept("production")

    def test_the_server_accepts_training(self):
        self.accept("training")

    def test_the_server_accepts_monitoring_by_the_operators_definitions(self):
        if not shutil.which("go"):
            self.skipTest("Go is not installed: the definitions of the Prometheus operator cannot be had")
        try:
            module = json.loads(run("go", "mod", "download", "-json", OPERATOR, cwd="/"))
        except Failure as failure:
            self.skipTest(f"the definitions of the Prometheus operator cannot be had: {failure}")
        files = [pathlib.Path(module["Dir"]) / "example" / "prometheus-operator-crd" / f"monitoring.coreos.com_{name}.yaml"
                 for name in DEFINITIONS]
        for file in files:
            kubectl("apply", "--server-side", "-f", file)
            self.addCleanup(kubectl, "delete", "-f", file)
        for name in DEFINITIONS:
            kubectl("wait", "--for=condition=Established", f"crd/{name}.monitoring.coreos.com", "--timeout=30s")
        self.accept("monitoring")

    def test_the_namespace_of_production_refuses_a_pod_below_its_level(self):
        said = kubectl("-n", NAMESPACE, "run", "root", "--image=tandem:0", "--privileged", check=False)
        self.assertIn('violates PodSecurity "restricted:latest"', said)


if __name__ == "__main__":
    unittest.main()
