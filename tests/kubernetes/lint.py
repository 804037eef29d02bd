"""What must hold for every object that deploy/kubernetes renders; a finding is one line, and no finding means all is well."""

SERVERS = ("user-model", "recommender-app")
SECONDS_OF_DELAY = ("TANDEM_SHUTDOWN_DELAY", "TANDEM_DRAIN_TIMEOUT")


def pod_templates(objects):
    """(name, pod spec, labels) of everything that makes pods."""
    for o in objects:
        template = {"Deployment": lambda o: o["spec"]["template"],
                    "CronJob": lambda o: o["spec"]["jobTemplate"]["spec"]["template"],
                    "Job": lambda o: o["spec"]["template"],
                    "Pod": lambda o: o}.get(o["kind"])
        if template:
            pod = template(o)
            yield f"{o['kind']} {o['metadata']['name']}", pod["spec"], pod["metadata"].get("labels", {})


def settings(objects, container):
    """The environment of a container, of its config maps first."""
    maps = {o["metadata"]["name"]: o.get("data", {}) for o in objects if o["kind"] == "ConfigMap"}
    environment = {}
    for source in container.get("envFrom", ()):
        environment.update(maps.get(source.get("configMapRef", {}).get("name"), {}))
    environment.update({entry["name"]: entry.get("value", "") for entry in container.get("env", ())})
    return environment


def findings(objects, latest_allowed=False):
    return [finding for rule in (restricted, limited, tagged, probed, stopped, selected)
            for finding in rule(objects, latest_allowed)]


def restricted(objects, _):
    """The restricted level of Pod Security, and what it does not ask for: a read-only root, a fixed user, no token."""
    for name, pod, _ in pod_templates(objects):
        context = pod.get("securityContext", {})
        wanted = {
            "runAsNonRoot": context.get("runAsNonRoot") is True,
            "runAsUser above 0": context.get("runAsUser", 0) > 0,
            "runAsGroup above 0": context.get("runAsGroup", 0) > 0,
            "seccompProfile RuntimeDefault": context.get("seccompProfile", {}).get("type") == "RuntimeDefault",
            "automountServiceAccountToken false": pod.get("automountServiceAccountToken") is False,
            "no host namespace": not any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")),
            "no hostPath": not any("hostPath" in volume for volume in pod.get("volumes", ())),
        }
        for container in pod["containers"] + pod.get("initContainers", []):
            own = container.get("securityContext", {})
            wanted |= {
                "allowPrivilegeEscalation false": own.get("allowPrivilegeEscalation") is False,
                "readOnlyRootFilesystem": own.get("readOnlyRootFilesystem") is True,
                "capabilities drop ALL": own.get("capabilities", {}) == {"drop": ["ALL"]},
                "not privileged": not own.get("privileged"),
                "no user of its own": "runAsUser" not in own and "runAsNonRoot" not in own,
            }
        yield from (f"{name}: expected {what}" for what, holds in wanted.items() if not holds)


def limited(objects, _):
    for name, pod, _ in pod_templates(objects):
        for container in pod["containers"]:
            for kind in ("requests", "limits"):
                for resource in ("cpu", "memory"):
                    if not container.get("resources", {}).get(kind, {}).get(resource):
                        yield f"{name}: {container['name']} has no {kind}.{resource}"
        for volume in pod.get("volumes", ()):
            if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
                yield f"{name}: volume {volume['name']} has no sizeLimit"


def tagged(objects, latest_allowed):
    for name, pod, _ in pod_templates(objects):
        for container in pod["containers"]:
            _, _, tag = container["image"].rpartition("/")[2].partition(":")
            if not tag or (tag == "latest" and not latest_allowed):
                yield f"{name}: image {container['image']} has no tag of a version"


def probed(objects, _):
    for name, pod, labels in pod_templates(objects):
        if labels.get("app") not in SERVERS:
            continue
        for container in pod["containers"]:
            probes = {key: container.get(f"{key}Probe") for key in ("startup", "liveness", "readiness")}
            for key, probe in probes.items():
                if not probe:
                    yield f"{name}: {container['name']} has no {key} probe"
            asks = {key: {k: v for k, v in (probe or {}).items() if k in ("grpc", "httpGet")} for key, probe in probes.items()}
            if asks["liveness"] == asks["readiness"]:
                yield f"{name}: {container['name']} would be restarted for not being ready"


def stopped(objects, _):
    """A pod must not be killed while it still does what it was told to do at its end."""
    for name, pod, labels in pod_templates(objects):
        if labels.get("app") not in SERVERS:
            continue
        for container in pod["containers"]:
            environment = settings(objects, container)
            missing = [key for key in SECONDS_OF_DELAY if key not in environment]
            yield from (f"{name}: {container['name']} does not set {key}" for key in missing)
            needed = sum(float(environment.get(key, 0)) for key in SECONDS_OF_DELAY)
            if pod.get("terminationGracePeriodSeconds", 30) <= needed:
                yield f"{name}: terminationGracePeriodSeconds is not over the {needed:g} s of delay and drain"
            if float(environment.get("TANDEM_SHUTDOWN_DELAY", 0)) < 3:
                yield f"{name}: the shutdown delay is shorter than kube-proxy's lag"
        if pod.get("enableServiceLinks") is not False:
            yield f"{name}: enableServiceLinks would put addresses among the settings"


def selected(objects, _):
    """Whatever selects pods selects some."""
    labels = [labels for _, _, labels in pod_templates(objects)]
    names = {(o["kind"], o["metadata"]["name"]) for o in objects}
    for o in objects:
        spec, name = o.get("spec", {}), f"{o['kind']} {o['metadata']['name']}"
        selector = {"Service": lambda: spec.get("selector"),
                    "PodDisruptionBudget": lambda: spec["selector"]["matchLabels"],
                    "Deployment": lambda: spec["selector"]["matchLabels"],
                    "NetworkPolicy": lambda: spec["podSelector"].get("matchLabels")}.get(o["kind"], lambda: None)()
        if selector and labels and not any(selector.items() <= found.items() for found in labels):
            yield f"{name}: no pod has the labels {selector}"
        if o["kind"] == "HorizontalPodAutoscaler":
            target = spec["scaleTargetRef"]
            if (target["kind"], target["name"]) not in names:
                yield f"{name}: there is no {target['kind']} {target['name']}"
