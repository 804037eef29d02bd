"""What deploy/kubernetes renders, without a cluster: kubectl alone, which has kustomize built in."""
import copy
import functools
import json
import re
import shutil
import tempfile
import unittest

import yaml

import lint
from cluster import DEPLOY, SOURCE, TOOL, VERSION, run

OVERLAYS = ("minikube", "production", "training")
PROMTOOL = SOURCE / "build" / "kubernetes" / "promtool" / "promtool"
KUBECTL = ["kubectl"] if shutil.which("kubectl") else [TOOL, "kubectl"] if TOOL else []


def need_kubectl():
    if not KUBECTL:
        raise unittest.SkipTest("kubectl is not installed: the overlays cannot be rendered")


@functools.cache
def rendered(overlay):
    need_kubectl()
    return list(yaml.safe_load_all(run(*KUBECTL, "kustomize", DEPLOY / "overlays" / overlay)))


def named(objects, kind, name):
    return next(o for o in objects if (o["kind"], o["metadata"]["name"]) == (kind, name))


class ManifestsTest(unittest.TestCase):
    def test_the_two_files_are_what_the_overlay_minikube_renders(self):
        need_kubectl()
        self.assertEqual(run(DEPLOY / "render.sh", "--check"), "")

    def test_the_two_files_hold_the_four_objects_of_the_session_and_no_other(self):
        for name, service in (("user-model", "user-model-service"), ("recommender-app", "recommender-service")):
            objects = list(yaml.safe_load_all((DEPLOY / f"{name}.yaml").read_text()))
            self.assertEqual(sorted((o["kind"], o["metadata"]["name"]) for o in objects),
                             [("Deployment", name), ("Service", service)])
            self.assertEqual(lint.findings(objects, latest_allowed=True), [])
            container = named(objects, "Deployment", name)["spec"]["template"]["spec"]["containers"][0]
            self.assertEqual((container["image"], container["imagePullPolicy"]), (f"{name}:latest", "Never"))

    def test_nothing_of_any_overlay_breaks_a_rule(self):
        for overlay in OVERLAYS:
            self.assertEqual(lint.findings(rendered(overlay), latest_allowed=overlay == "minikube"), [], overlay)

    def test_images_have_the_version_of_this_tree(self):
        for overlay in ("production", "training"):
            images = {c["image"] for _, pod, _ in lint.pod_templates(rendered(overlay)) for c in pod["containers"]}
            self.assertEqual({image.partition(":")[2] for image in images}, {VERSION}, images)

    def test_production_enforces_the_restricted_level(self):
        labels = named(rendered("production"), "Namespace", "tandem")["metadata"]["labels"]
        for mode in ("enforce", "warn", "audit"):
            self.assertEqual(labels[f"pod-security.kubernetes.io/{mode}"], "restricted")
            self.assertEqual(labels[f"pod-security.kubernetes.io/{mode}-version"], "latest")

    def test_production_keeps_two_replicas_of_each_through_disruptions(self):
        objects = rendered("production")
        for name in lint.SERVERS:
            deployment = named(objects, "Deployment", name)["spec"]
            # A number here would undo the autoscaler's work at every apply.
            self.assertNotIn("replicas", deployment)
            self.assertEqual(deployment["strategy"]["rollingUpdate"], {"maxSurge": 1, "maxUnavailable": 0})
            self.assertEqual({c["whenUnsatisfiable"] for c in deployment["template"]["spec"]["topologySpreadConstraints"]},
                             {"ScheduleAnyway"})
            self.assertGreaterEqual(named(objects, "HorizontalPodAutoscaler", name)["spec"]["minReplicas"], 2)
            budget = named(objects, "PodDisruptionBudget", name)["spec"]
            self.assertEqual((budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]), (1, "AlwaysAllow"))

    def test_the_app_of_production_sees_every_model_replica(self):
        objects = rendered("production")
        app = named(objects, "Deployment", "recommender-app")["spec"]["template"]["spec"]["containers"][0]
        host, _, port = lint.settings(objects, app)["TANDEM_MODEL_SERVER"].partition(":")
        service = named(objects, "Service", host)["spec"]
        self.assertEqual((service["clusterIP"], service["ports"][0]["port"]), ("None", int(port)))

    def test_a_model_replica_of_production_leaves_later_than_dns_forgets_it(self):
        objects = rendered("production")
        model = named(objects, "Deployment", "user-model")["spec"]["template"]["spec"]["containers"][0]
        # A TTL of 30 s, 5 s that NodeLocal DNSCache keeps the oldest answer at least, 2 s between the look-ups of the app.
        self.assertGreater(float(lint.settings(objects, model)["TANDEM_SHUTDOWN_DELAY"]), 30 + 5 + 2)

    def test_a_full_app_is_not_restarted(self):
        # On its public port it answers 503 to more connections than it takes; on that of the metrics it answers.
        for overlay in OVERLAYS:
            app = named(rendered(overlay), "Deployment", "recommender-app")["spec"]["template"]["spec"]["containers"][0]
            for probe in ("startupProbe", "livenessProbe"):
                self.assertEqual(app[probe]["httpGet"], {"path": "/healthz", "port": "metrics"}, overlay)

    def test_traffic_is_denied_but_for_the_ways_that_exist(self):
        policies = {o["metadata"]["name"]: o["spec"] for o in rendered("training") if o["kind"] == "NetworkPolicy"}
        self.assertEqual(policies["default-deny"], {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
        self.assertEqual(set(policies), {"default-deny", *lint.SERVERS})

        def tcp(port):
            return [{"port": port, "protocol": "TCP"}]

        def pods_of(app):
            return {"podSelector": {"matchLabels": {"app": app}}}

        def namespace(name):
            return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}
        metrics = {"from": [namespace("monitoring")], "ports": tcp("metrics")}
        resolvers = [namespace("kube-system") | {"podSelector": {"matchLabels": {"k8s-app": name}}}
                     for name in ("kube-dns", "node-local-dns")]
        resolvers += [{"ipBlock": {"cidr": address}} for address in ("169.254.20.10/32", "169.254.169.254/32")]
        # Whole, so that no rule is wider than it looks, and none is there besides.
        self.assertEqual(policies["recommender-app"], {
            "podSelector": {"matchLabels": {"app": "recommender-app"}}, "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"ports": tcp("http")}, metrics],
            "egress": [{"to": [pods_of("user-model")], "ports": tcp("grpc")},
                       {"to": resolvers, "ports": [{"port": 53, "protocol": "UDP"}, *tcp(53)]}]})
        self.assertEqual(policies["user-model"], {
            "podSelector": {"matchLabels": {"app": "user-model"}}, "policyTypes": ["Ingress"],
            "ingress": [{"from": [pods_of("recommender-app")], "ports": tcp("grpc")}, metrics]})

    def test_alerts_and_the_dashboard_ask_for_the_jobs_that_are_scraped(self):
        objects = rendered("monitoring")
        jobs = {o["metadata"]["labels"]["app"] for o in objects if o["kind"] == "Service"}
        asked = [rule["expr"] for group in self.alerts() for rule in group["rules"]] + self.dashboard_expressions()
        named_jobs = {job for text in asked for names in re.findall(r'job=~?"([^"]+)"', text) for job in names.split("|")}
        self.assertEqual(named_jobs, jobs)

    def test_alerts_and_the_dashboard_are_what_prometheus_reads(self):
        if not PROMTOOL.exists():
            self.skipTest("promtool is not there: tests/kubernetes/install_promtool.sh unpacks it")
        records = [{"record": f"panel{i}", "expr": text.replace("$__rate_interval", "5m")}
                   for i, text in enumerate(self.dashboard_expressions())]
        groups = self.alerts() + [{"name": "dashboard", "rules": records}]
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump({"groups": groups}, file)
            file.flush()
            self.assertIn("SUCCESS", run(PROMTOOL, "check", "rules", "--lint=all", "--lint-fatal", file.name))

    @staticmethod
    def alerts():
        return next(o for o in rendered("monitoring") if o["kind"] == "PrometheusRule")["spec"]["groups"]

    @staticmethod
    def dashboard_expressions():
        dashboard = json.loads(named(rendered("monitoring"), "ConfigMap", "tandem-dashboard")["data"]["tandem.json"])
        return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]

    def test_each_rule_finds_what_breaks_it(self):
        breaks = {
            "runAsNonRoot": lambda d: d["spec"]["template"]["spec"]["securityContext"].pop("runAsNonRoot"),
            "runAsUser": lambda d: d["spec"]["template"]["spec"]["securityContext"].update(runAsUser=0),
            "seccompProfile": lambda d: d["spec"]["template"]["spec"]["securityContext"].pop("seccompProfile"),
            "Token": lambda d: d["spec"]["template"]["spec"].pop("automountServiceAccountToken"),
            "hostPath": lambda d: d["spec"]["template"]["spec"]["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
            "readOnlyRoot": lambda d: self.container(d)["securityContext"].update(readOnlyRootFilesystem=False),
            "drop ALL": lambda d: self.container(d)["securityContext"]["capabilities"].update(add=["SYS_ADMIN"]),
            "Escalation": lambda d: self.container(d)["securityContext"].pop("allowPrivilegeEscalation"),
            "limits.memory": lambda d: self.container(d)["resources"]["limits"].pop("memory"),
            "requests.cpu": lambda d: self.container(d)["resources"]["requests"].pop("cpu"),
            "sizeLimit": lambda d: d["spec"]["template"]["spec"]["volumes"].append({"name": "x", "emptyDir": {}}),
            "tag of a version": lambda d: self.container(d).update(image="registry:5000/user-model"),
            "no startup probe": lambda d: self.container(d).pop("startupProbe"),
            "for not being ready": lambda d: self.container(d).update(livenessProbe=self.container(d)["readinessProbe"]),
            "terminationGrace": lambda d: d["spec"]["template"]["spec"].update(terminationGracePeriodSeconds=20),
            "kube-proxy's lag": lambda d: self.container(d).update(env=[{"name": "TANDEM_SHUTDOWN_DELAY", "value": "1"}]),
            "does not set TANDEM_DRAIN": lambda d: self.container(d).update(envFrom=[]),
            "enableServiceLinks": lambda d: d["spec"]["template"]["spec"].pop("enableServiceLinks"),
            "no pod has the labels": lambda d: d["spec"]["template"]["metadata"]["labels"].update(app="another"),
            "there is no Deployment": lambda d: d["metadata"].update(name="another"),
        }
        for words, edit in breaks.items():
            objects = copy.deepcopy(rendered("production"))
            edit(named(objects, "Deployment", "user-model"))
            self.assertRegex("\n".join(lint.findings(objects)), f"user-model.*{words}", words)

    @staticmethod
    def container(deployment):
        return deployment["spec"]["template"]["spec"]["containers"][0]


if __name__ == "__main__":
    unittest.main()
