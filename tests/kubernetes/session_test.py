"""The article's session, word for word: two files applied, a user's films by curl, and nothing left after the deletes."""
import json
import re
import time
import unittest

from cluster import DEPLOY, ask, external_address, get, gone, kubectl, wait_until
from fixture import APP, MODEL, REPORT, ClusterTestCase, bundle, titles_by_user


def table(text):
    """The rows of what `kubectl get` prints, by name."""
    return {line.split()[0]: line.split() for line in text.splitlines()[1:]}


class SessionTest(ClusterTestCase):
    def setUp(self):
        self.addCleanup(kubectl, "delete", "--ignore-not-found", "-f", DEPLOY / f"{APP}.yaml", "-f", DEPLOY / f"{MODEL}.yaml")

    def objects(self):
        """Everything of the namespace `default` that a person may make, but what every cluster has."""
        kinds = kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").split()
        kinds = [kind for kind in kinds if kind.split(".")[0] not in ("events", "podmetrics", "endpoints", "endpointslices", "leases")]
        names = kubectl("-n", "default", "get", ",".join(kinds), "-o", "name", "--ignore-not-found").split()
        return sorted(set(names) - {"configmap/kube-root-ca.crt", "serviceaccount/default"})

    def test_the_session_as_it_is_printed(self):
        self.assertEqual(self.objects(), ["service/kubernetes"])
        begin = time.monotonic()
        self.assertEqual(kubectl("apply", "-f", DEPLOY / "recommender-app.yaml"),
                         "service/recommender-service created\ndeployment.apps/recommender-app created\n")
        self.assertEqual(kubectl("apply", "-f", DEPLOY / "user-model.yaml"),
                         "service/user-model-service created\ndeployment.apps/user-model created\n")
        address = external_address("default")
        wait_until("the first answer is 200", lambda: ask(address, "/recommend/1")[0] == 200, seconds=60)
        first = time.monotonic() - begin
        REPORT.number("kubectl apply to the first answer", first, "s", 15)

        def deployed():
            rows = table(kubectl("get", "deployments"))
            return {name: row[1] for name, row in rows.items()} == {"recommender-app": "1/1", "user-model": "1/1"}
        wait_until("both deployments are 1/1", deployed, seconds=60)
        services = table(kubectl("get", "services"))
        self.assertEqual(set(services), {"kubernetes", "recommender-service", "user-model-service"})
        self.assertEqual(services["recommender-service"][1], "LoadBalancer")
        self.assertRegex(services["recommender-service"][4], r"^6000:\d+/TCP$")
        self.assertEqual((services["user-model-service"][1], services["user-model-service"][4]), ("ClusterIP", "8500/TCP"))

        expected = titles_by_user(bundle("a"))["1"]
        wait_until("answers come through the model server",
                   lambda: "x-tandem-degraded" not in ask(address, "/recommend/1")[1], seconds=30)
        status, _, body = ask(address, "/recommend/1")
        self.assertEqual((status, json.loads(body)), (200, {"user_id": ["1"], "recommendations": [expected]}))
        # As `minikube service recommender-service` gives it: the port of the node.
        node = get("/api/v1/nodes")["items"][0]["status"]["addresses"][0]["address"]
        port = re.match(r"6000:(\d+)", services["recommender-service"][4])[1]
        self.assertEqual(json.loads(ask(f"{node}:{port}", "/recommend/1")[2]), json.loads(body))

        kubectl("delete", "services", "recommender-service", "user-model-service")
        kubectl("delete", "deployments", "recommender-app", "user-model")
        wait_until("the pods are gone", lambda: gone(APP, MODEL), seconds=60)
        wait_until("nothing is left of it", lambda: self.objects() == ["service/kubernetes"], seconds=30)
        self.assertEqual(kubectl("get", "all", "-o", "name"), "service/kubernetes\n")
        self.assertLessEqual(first, 15)


if __name__ == "__main__":
    unittest.main()
