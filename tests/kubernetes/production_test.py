"""The overlay production under a steady load through its load balancer: every answer is counted, whatever is done to the pods."""
import collections
import re
import signal
import subprocess
import time
import unittest

from cluster import (DEPLOY, api, ask, dns_caches_for, external_address, get, kubectl, on_node, pods, ready_pods, rollout, run,
                     signal_leaving, wait_until)
from fixture import (AGAIN, APP, BUNDLES, FIRST, FORGOTTEN, MODEL, NAMESPACE, OTHER, OUT, REPORT, ClusterTestCase, Disturbance,
                     apply_overlay, bundle, delete_namespace, deployment, end_leaving, let_leave, scale, set_image, wait_for,
                     write_expected)

DNS_TTL = 30  # seconds, of many clusters; this one's is 5
# When it was told of, the port of the client, and the address of the pod that it goes to.
Connection = collections.namedtuple("Connection", "told port pod")


def setUpModule():
    apply_overlay("production")
    for app in (MODEL, APP):
        wait_for(app, 2)


def tearDownModule():
    delete_namespace(NAMESPACE)


def wait_until_whole():
    """Several answers in a row come through the model server."""
    address = external_address(NAMESPACE)
    wait_until("answers come through the model server",
               lambda: all(ask(address)[0] == 200 and "x-tandem-degraded" not in ask(address)[1] for _ in range(4)))


def bundle_of(pod):
    return BUNDLES[pod.image.rpartition(":")[2]]


def calls(pod):
    """That this model server was asked for an embedding."""
    return pod.metrics().sum("tandem_grpc_requests_total", method="tensorflow.serving.PredictionService/Predict")


def calls_by_replica():
    return {pod.name: calls(pod) for pod in ready_pods(NAMESPACE, MODEL)}


class ProductionTest(ClusterTestCase):
    @classmethod
    def setUpClass(cls):
        cls.expected = write_expected(OUT / "expected.json", {name: bundle(name) for name in ("a", "b")})

    def setUp(self):
        """Each test begins with two replicas of each, of the first images."""
        for app in (MODEL, APP):
            spec = deployment(app)["spec"]
            if spec["replicas"] != 2:
                scale(app, 2)
            if spec["template"]["spec"]["containers"][0]["image"] != f"{app}:{FIRST}":
                set_image(app, FIRST)
                rollout(NAMESPACE, app)
        for app in (MODEL, APP):
            wait_for(app, 2)
        end_leaving(MODEL)
        wait_until_whole()

    def disturb(self, what, **options):
        return Disturbance(what, self.expected, **options)

    def test_the_restricted_namespace_accepts_every_pod(self):
        self.assertEqual(get(f"/api/v1/namespaces/{NAMESPACE}")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted")
        for app in (MODEL, APP):
            for pod in wait_for(app, 2):
                self.assertEqual(pod.restarts, 0)
                self.assertEqual(int(run("stat", "-c", "%u", f"/proc/{pod.process()}")), 65532)

    def test_what_alerts_and_the_dashboard_ask_for_is_measured(self):
        for _ in range(10):
            self.assertEqual(ask(external_address(NAMESPACE))[0], 200)
        measured = {re.sub("_(bucket|sum|count)$", "", name) for app in (MODEL, APP) for pod in pods(NAMESPACE, app) for name, _ in pod.metrics()}
        asked = re.findall(r"\b((?:tandem|process)_[a-z_]+?)(?:_bucket)?\b", kubectl("kustomize", DEPLOY / "overlays" / "monitoring"))
        self.assertGreater(len(set(asked)), 10)
        self.assertEqual(sorted(set(asked) - measured), [])

    def test_answers_are_those_of_the_command_line_and_not_degraded(self):
        with self.disturb("none") as disturbance:
            time.sleep(5)
        self.assert_whole(disturbance)
        self.assertEqual({answer.label for answer in disturbance.answers}, {"a"})

    def test_rolling_updates_of_the_model_server(self):
        # New pods of the same image first: the last have the image that the next test begins with.
        self.roll(MODEL, (FIRST, AGAIN, FIRST, AGAIN, FIRST))

    def test_rolling_updates_of_the_app_and_a_rollback(self):
        self.roll(APP, (AGAIN, FIRST, AGAIN, FIRST, AGAIN))
        with self.disturb("rollback of recommender-app (kubectl rollout undo)") as disturbance:
            told = time.time()
            kubectl("-n", NAMESPACE, "rollout", "undo", f"deployment/{APP}")
            rollout(NAMESPACE, APP)
            let_leave(APP, told)
        self.assert_whole(disturbance)

    def roll(self, app, tags):
        before = {pod.name for pod in pods(NAMESPACE, app) if pod.leaving}
        with self.disturb(f"rolling update of {app}, {len(tags)} in a row") as disturbance:
            for tag in tags:
                self.update(app, tag)
            if app == APP:  # of the model server the first have left by now
                let_leave(app, time.time())
        self.assert_whole(disturbance)
        seen = {pod.name for _, found in disturbance.histories[app].states for pod in found}
        self.assertEqual(len(seen - before), 2 * (len(tags) + 1))

    @staticmethod
    def update(app, tag):
        """New pods, of this image or, where they have it already, of the same."""
        image = f"{app}:{tag}"
        if deployment(app)["spec"]["template"]["spec"]["containers"][0]["image"] == image:
            kubectl("-n", NAMESPACE, "rollout", "restart", f"deployment/{app}")
        else:
            set_image(app, tag)
        rollout(NAMESPACE, app)

    def test_rolling_updates_of_the_model_server_where_dns_caches_for_long(self):
        old = [pod.name for pod in wait_for(MODEL, 2)]
        with self.disturb(f"rolling update of user-model, 2 in a row, where DNS caches for {DNS_TTL} s") as disturbance:
            self.enterContext(dns_caches_for(DNS_TTL))
            cached = time.time()
            time.sleep(3)  # each app has asked since: it will hear of the old replicas only
            self.update(MODEL, AGAIN)
            left, pod = next((when, pod) for when, found in disturbance.histories[MODEL].states for pod in found
                             if pod.name in old and pod.leaving)
            time.sleep(max(0, left + FORGOTTEN - time.time()))
            before = calls(pod)
            time.sleep(2)
            late = calls(pod) - before
            self.update(MODEL, FIRST)
            time.sleep(max(0, cached + DNS_TTL + 4 - time.time()))
            found = sum(calls(pod) for pod in pods(NAMESPACE, MODEL) if pod.name not in old)
        self.assert_whole(disturbance)
        self.assertGreater(late, 0, "a replica that left is asked no more: DNS did not cache for long")
        self.assertGreater(found, 0, "no new replica was found")

    def test_a_deleted_model_pod(self):
        self.delete_a_pod(MODEL)

    def test_a_deleted_app_pod(self):
        self.delete_a_pod(APP)

    def delete_a_pod(self, app):
        with self.disturb(f"kubectl delete pod of {app}") as disturbance:
            told = time.time()
            kubectl("-n", NAMESPACE, "delete", "pod", wait_for(app, 2)[0].name, "--wait=false")
            wait_for(app, 2)
            let_leave(app, told)
        self.assert_whole(disturbance)

    def test_scaling_of_the_model_server(self):
        # The autoscaler would not let it be one; an operator who scales by hand takes it away too.
        self.addCleanup(apply_overlay, "production")
        kubectl("-n", NAMESPACE, "delete", "hpa", MODEL)
        scale(MODEL, 1)
        wait_for(MODEL, 1)
        wait_until_whole()
        with self.disturb("scale of user-model 1 to 3 to 1") as disturbance:
            scale(MODEL, 3)
            wait_for(MODEL, 3)
            time.sleep(5)
            told = time.time()
            scale(MODEL, 1)
            wait_for(MODEL, 1)
            let_leave(MODEL, told)
        self.assert_whole(disturbance)

    def test_load_spreads_over_three_model_replicas(self):
        with self.disturb("scale of user-model 2 to 3") as disturbance:
            scale(MODEL, 3)
            wait_for(MODEL, 3)
            ready = time.time()
            shares = []

            def even():
                before = calls_by_replica()
                time.sleep(3)
                after = calls_by_replica()
                calls = {name: after[name] - before.get(name, 0) for name in after}
                shares.append({name: round(3 * count / max(1, sum(calls.values())), 2) for name, count in calls.items()})
                return len(calls) == 3 and all(0.8 <= share <= 1.2 for share in shares[-1].values())
            try:
                wait_until("each of three replicas gets a third of the calls", even, seconds=30, every=0)
            finally:
                REPORT.add("note", "Shares of three model replicas in windows of 3 s, 1 is even", text=str(shares))
            spread = time.time() - ready
        REPORT.number("scale-out to 3 model replicas, Ready to the end of a window of 3 s within 20 % of even", spread, "s", 30)
        self.assert_whole(disturbance)
        self.assertLessEqual(spread, 30)

    def test_a_killed_model_container(self):
        with self.disturb("kill -9 of a user-model container") as disturbance:
            pod = wait_for(MODEL, 2)[0]
            pod.signal(signal.SIGKILL)
            wait_until("the container is restarted", lambda: pod.now().restarts == 1 and pod.now().ready)
        self.assert_whole(disturbance)

    def test_an_eviction(self):
        for app in (MODEL, APP):
            with self.disturb(f"eviction of a {app} pod") as disturbance:
                one, two = wait_for(app, 2)
                told = time.time()
                self.assertEqual(self.evict(one)[0], 201)
                status, answer = self.evict(two)
                self.assertEqual((status, answer["reason"]), (429, "TooManyRequests"), answer)
                wait_for(app, 2)
                if app == APP:
                    let_leave(app, told)
            self.assert_whole(disturbance)

    @staticmethod
    def evict(pod):
        return api("POST", f"/api/v1/namespaces/{NAMESPACE}/pods/{pod.name}/eviction",
                   {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod.name, "namespace": NAMESPACE}})

    def test_a_killed_app_container_costs_its_own_connections_only(self):
        with self.disturb("kill -9 of a recommender-app container") as disturbance:
            pod = wait_for(APP, 2)[0]
            tracker = self.track_connections()
            time.sleep(1)
            connections = self.connections()
            self.assertIn(pod.ip, [connection.pod for connection in connections])
            killed = time.time()
            pod.signal(signal.SIGKILL)
            wait_until("the container is restarted", lambda: pod.now().restarts == 1 and pod.now().ready)
            time.sleep(1)
            tracker.terminate()
        connections += self.parse_connections(tracker.communicate()[0], killed)

        def pod_of(answer):
            """Of the last connection that began from its port before it ended, and a moment more for conntrack to tell."""
            end = answer.start + answer.milliseconds / 1000 + 0.05
            own = [connection for connection in connections if connection.port == answer.port and connection.told <= end]
            return max(own, default=Connection(0, answer.port, None)).pod

        failed = disturbance.answers.failed()
        outage = max((answer.start for answer in failed), default=killed) - killed
        REPORT.number("kill -9 of an app container: failed requests", len(failed), f"of {len(disturbance.answers)} in all")
        REPORT.number("kill -9 of an app container: until the last failed request began", outage, "s")
        # A connection of its own that is refused has no port that could be looked up.
        others = [(answer, pod_of(answer)) for answer in failed if pod_of(answer) not in (pod.ip, None)]
        self.assertEqual(others[:5], [], pod.ip)
        self.assertGreater(sum(pod_of(answer) not in (pod.ip, None) for answer in disturbance.answers), 100)
        self.assertTrue(all(answer.start >= killed - 0.1 for answer in failed))
        self.assertLess(outage, 10)
        self.assertEqual(list(disturbance.answers.mixed()), [])

    @staticmethod
    def parse_connections(text, told):
        """Those to the app; told then where conntrack does not say when."""
        pattern = re.compile(r"(?:\[([0-9.]+)\])?.*? sport=(\d+) dport=6000 .*?src=(\S+)")
        matches = [pattern.match(line) for line in text.splitlines()]
        return [Connection(float(match[1] or told), match[2], match[3]) for match in matches if match]

    def connections(self):
        return self.parse_connections(run(*on_node("conntrack", "-L", "-p", "tcp", "--orig-port-dst", "6000")), time.time())

    @staticmethod
    def track_connections():
        return subprocess.Popen(on_node("conntrack", "-E", "-o", "timestamp", "-e", "NEW,UPDATES", "-p", "tcp", "--orig-port-dst", "6000"),
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def test_two_images_that_call_their_model_version_1_are_never_mixed(self):
        with self.disturb("both deployments to images with another bundle of the same version number, and back") as disturbance:
            set_image(MODEL, OTHER)      # first the one
            rollout(NAMESPACE, MODEL)
            wait_for(MODEL, 2)
            set_image(APP, OTHER)        # then the other
            rollout(NAMESPACE, APP)
            wait_for(APP, 2)
            time.sleep(3)
            for app in (APP, MODEL):     # and back, both at once
                set_image(app, FIRST)
            for app in (APP, MODEL):
                rollout(NAMESPACE, app)
                wait_for(app, 2)
            time.sleep(3)
        answers = disturbance.answers
        self.assert_whole(disturbance, degraded_allowed=True)
        labels = collections.Counter(answer.label for answer in answers)
        self.assertEqual(set(labels), {"a", "b"})
        needless, history = [], disturbance.histories[MODEL]
        self.assertGreater(history.states[-1][0], disturbance.end, "the pods were watched to the end")
        for name in ("a", "b"):
            spans = history.serving(lambda pod, name=name: bundle_of(pod) == name)
            self.assertGreater(len(spans), 0, name)
            needless += [(name, answer.start - begin) for begin, end in spans for answer in answers.degraded().labelled(name)
                         if begin <= answer.start and answer.start + answer.milliseconds / 1000 <= end]
        REPORT.number("another bundle in both deployments, and back: degraded answers while a model replica has the app's bundle",
                      len(needless), "", 0)
        self.assertEqual(needless, [], "bundle, seconds since a replica with it was ready")

    def test_without_the_model_server_the_app_answers_and_recovers(self):
        with self.disturb("user-model scaled to none, and back to 2") as disturbance:
            scale(MODEL, 0)
            wait_until("no model server is left", lambda: not signal_leaving(NAMESPACE, MODEL), every=0.3)  # they would answer for long
            alone = time.time()
            time.sleep(5)
            self.assertEqual(len(ready_pods(NAMESPACE, APP)), 2)
            back = time.time()
            scale(MODEL, 2)
            wait_for(MODEL, 2)
            ready = time.time()
            wait_until_whole()
            time.sleep(2)
        answers = disturbance.answers
        self.assert_whole(disturbance, degraded_allowed=True)
        self.assertEqual({answer.degraded for answer in answers.between(alone, back)}, {"model-server"})
        last = max(answer.start for answer in answers.degraded())
        REPORT.number("model server back from nothing: Ready of both to the last degraded answer", max(0, last - ready), "s")
        self.assertEqual({pod.restarts for pod in pods(NAMESPACE, APP)}, {0})

    def test_a_stopped_process_is_restarted_by_its_liveness_probe(self):
        for app in (MODEL, APP):
            with self.disturb(f"a {app} process that hangs (SIGSTOP)") as disturbance:
                pod = wait_for(app, 2)[0]
                pod.signal(signal.SIGSTOP)
                stopped = time.time()
                wait_until("the container is restarted", lambda: pod.now().restarts == 1 and pod.now().ready)
            REPORT.number(f"{app} that hangs: until its container is restarted and ready", time.time() - stopped, "s")
            REPORT.add("note", f"{app} that hangs: requests", text=str(disturbance.answers.outcomes()))
            self.assertEqual(list(disturbance.answers.mixed()), [])
            events = kubectl("-n", NAMESPACE, "get", "events", "-o", "json", f"--field-selector=involvedObject.name={pod.name}")
            self.assertRegex(events, "Liveness probe failed")
            if app == MODEL:
                self.assertEqual(list(disturbance.answers.failed()), [])


if __name__ == "__main__":
    unittest.main()
