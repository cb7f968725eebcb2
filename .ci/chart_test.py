"""charts/waggle: rendered by Helm for each example, held against Kubernetes' schemas, and against what we mean."""

import base64
import json
import re
import subprocess
import tempfile
import unittest

import deployment_names
import kubernetes_validate
import yaml

CHART = deployment_names.ROOT / "charts" / "waggle"
EXAMPLES = sorted((CHART / "examples").glob("*.yaml"))
# The oldest and a recent version of Kubernetes.
VERSIONS = ("1.27.0", "1.34.0")
# Kinds of the Prometheus operator, for which there is no schema here.
OPERATOR = ("ServiceMonitor", "PrometheusRule")


def helm(*arguments):
    return subprocess.run(["helm", *map(str, arguments)], capture_output=True, text=True, check=False)


def template(values, *more):
    ran = helm("template", "waggle", CHART, "--namespace", "prod", "--values", values, *more)
    if ran.returncode:
        raise AssertionError(ran.stderr)
    return [one for one in yaml.safe_load_all(ran.stdout) if one]


def containers(objects):
    """Every container with the object and the pod that it is in."""
    for one in objects:
        pod = one.get("spec", {}).get("template", {}).get("spec")
        for container in pod["containers"] if pod else []:
            yield one, pod, container


def environment(container):
    return {variable["name"]: variable for variable in container["env"]}


class ChartTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rendered = {path.stem: template(path) for path in EXAMPLES}

    def of_kind(self, example, kind):
        return {one["metadata"]["name"]: one for one in self.rendered[example] if one["kind"] == kind}

    def test_lint(self):
        for path in EXAMPLES:
            ran = helm("lint", "--strict", CHART, "--values", path)
            self.assertEqual(ran.returncode, 0, ran.stdout)

    def test_kubernetes_takes_every_object(self):
        for objects in self.rendered.values():
            for one in objects:
                if one["kind"] not in OPERATOR:
                    for version in VERSIONS:
                        kubernetes_validate.validate(one, version, strict=True)

    def test_names_are_there_once_and_selectors_find_pods(self):
        for objects in self.rendered.values():
            names = [(one["kind"], one["metadata"]["name"]) for one in objects]
            self.assertEqual(len(set(names)), len(names))
            pods = [one["spec"]["template"]["metadata"]["labels"] for one, _, _ in containers(objects)]
            for one in objects:
                spec = one.get("spec", {})
                selector = spec.get("selector") or spec.get("podSelector")
                if selector and one["kind"] != "ServiceMonitor":
                    wanted = selector.get("matchLabels", selector).items()
                    self.assertTrue(any(wanted <= labels.items() for labels in pods), one["metadata"]["name"])

    def test_a_service_monitor_finds_its_services_once(self):
        services = self.of_kind("two-client-names", "Service")
        for component, wanted in (("node", {"waggle-shop", "waggle-support"}), ("worker", {"waggle-worker"})):
            monitor = self.of_kind("two-client-names", "ServiceMonitor")[f"waggle-{component}"]
            selector = monitor["spec"]["selector"]["matchLabels"].items()
            found = {name for name, one in services.items() if selector <= one["metadata"]["labels"].items()}
            self.assertEqual(found, wanted)
            jobs = [one.get("replacement") for one in monitor["spec"]["endpoints"][0]["relabelings"]]
            self.assertIn(f"waggle-{component}", jobs)

    def test_a_client_name_is_a_set_of_nodes(self):
        sets = self.of_kind("two-client-names", "StatefulSet")
        self.assertEqual(set(sets), {"waggle-shop", "waggle-support"})
        tags = {name: environment(one["spec"]["template"]["spec"]["containers"][0])["DATABASE_CONNECTION_CLIENT_NAME"]
                for name, one in sets.items()}
        self.assertEqual(tags["waggle-shop"]["value"], "shop")
        self.assertEqual(tags["waggle-support"]["value"], "Support_EU")
        budgets = self.of_kind("two-client-names", "PodDisruptionBudget")
        self.assertEqual(set(budgets), {*sets, "waggle-worker", "waggle-router"})

    def test_a_node_is_known_by_the_name_of_its_pod(self):
        for objects in self.rendered.values():
            services = {one["metadata"]["name"]: one for one in objects if one["kind"] == "Service"}
            for one, _, container in containers(objects):
                if one["kind"] != "StatefulSet":
                    continue
                variables = environment(container)
                source = variables["WAGGLE_NODE_ID"]["valueFrom"]["fieldRef"]["fieldPath"]
                self.assertEqual(source, "metadata.name")
                headless = one["spec"]["serviceName"]
                self.assertEqual(services[headless]["spec"]["clusterIP"], "None")
                self.assertEqual(variables["WAGGLE_ADVERTISED_URL"]["value"],
                                 f"http://$(WAGGLE_NODE_ID).{headless}.prod.svc.cluster.local:8080")
                # Kubernetes fills in only what stands before.
                names = list(variables)
                self.assertLess(names.index("WAGGLE_NODE_ID"), names.index("WAGGLE_ADVERTISED_URL"))

    def test_a_drain_may_take_its_time(self):
        objects = template(CHART / "examples" / "two-client-names.yaml", "--set", "node.drainTimeoutSeconds=90")
        checked = 0
        for _, pod, container in containers(objects):
            if container["args"][0] in ("serve", "worker"):
                self.assertEqual(environment(container)["WAGGLE_DRAIN_TIMEOUT_SECONDS"]["value"], "90")
                self.assertGreaterEqual(pod["terminationGracePeriodSeconds"], 90 + 5 + 10)
                checked += 1
        self.assertEqual(checked, 3)

    def test_no_secret_is_written_down(self):
        for objects in self.rendered.values():
            self.assertNotIn("Secret", {one["kind"] for one in objects})
            for _, _, container in containers(objects):
                for name, variable in environment(container).items():
                    if re.search(r"(SECRET|PASSWORD|TOKEN|API_KEY|SESSION_KEY|_URI)$", name):
                        self.assertIn("secretKeyRef", variable["valueFrom"], name)

    def test_a_secret_among_plain_variables_is_refused(self):
        for name in ("AUTHENTICATION_API_KEY", "CACHE_REDIS_URI", "WAGGLE_WEBHOOK_SECRET"):
            ran = helm("template", CHART, "--set", "secrets.existingSecret=x", "--set", f"config.{name}=value")
            self.assertIn(f"{name} belongs in the Secret", ran.stderr)

    def test_values_that_make_no_sense_are_refused(self):
        for wrong in ("webhooks.delivery=workrs", "clientNames[0].name=Shop", "clientNames[0].name=router",
                      "node.drainTimeout=5", "peers[0]=eu.example"):
            ran = helm("template", CHART, "--set", "secrets.existingSecret=x", "--set", "clientNames[0].replicas=1",
                       "--set", "clientNames[0].name=a", "--set", wrong)
            self.assertNotEqual(ran.returncode, 0, wrong)

    def test_a_secret_for_tests_can_be_made(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as values:
            yaml.safe_dump({"secrets": {"create": {"AUTHENTICATION_API_KEY": "k"}}}, values)
            [secret] = [one for one in template(values.name) if one["kind"] == "Secret"]
        self.assertEqual(base64.b64decode(secret["data"]["AUTHENTICATION_API_KEY"]), b"k")
        self.assertEqual(secret["metadata"]["annotations"]["helm.sh/hook"], "pre-install,pre-upgrade")

    def test_numbers_and_switches_reach_a_node_as_they_were_written(self):
        plain = {"SQS_MAX_PAYLOAD_SIZE": 1048576, "WEBHOOK_RETRY_JITTER_FACTOR": 0.25, "KAFKA_ENABLED": False}
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as values:
            yaml.safe_dump({"secrets": {"existingSecret": "x"}, "config": plain}, values)
            nodes = [one for one in template(values.name) if one["kind"] == "StatefulSet"]
        variables = environment(nodes[0]["spec"]["template"]["spec"]["containers"][0])
        self.assertEqual([variables[name]["value"] for name in plain], ["1048576", "0.25", "false"])

    def test_volumes_and_callers_of_ones_own_reach_the_pods(self):
        values = {
            "secrets": {"existingSecret": "x"}, "webhooks": {"delivery": "workers"},
            "extraVolumes": [{"name": "files", "persistentVolumeClaim": {"claimName": "waggle-files"}}],
            "extraVolumeMounts": [{"name": "files", "mountPath": "/files"}],
            "networkPolicy": {"ingressFrom": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}]},
        }
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump(values, file)
            objects = template(file.name)
        for one in objects:
            kubernetes_validate.validate(one, VERSIONS[0], strict=True)
        of_ours = [(pod, container) for _, pod, container in containers(objects) if container["name"] != "nginx"]
        self.assertEqual(len(of_ours), 3)
        for pod, container in of_ours:
            self.assertIn(values["extraVolumes"][0], pod["volumes"])
            self.assertIn(values["extraVolumeMounts"][0], container["volumeMounts"])
        [policy] = [one for one in objects if one["metadata"]["name"] == "waggle-node" and one["kind"] == "NetworkPolicy"]
        self.assertIn(values["networkPolicy"]["ingressFrom"][0], policy["spec"]["ingress"][0]["from"])

    def test_variables_are_those_that_there_are(self):
        names = {name for objects in self.rendered.values() for _, _, container in containers(objects)
                 if container["name"] != "nginx" for name in environment(container)}
        self.assertEqual(names - deployment_names.variables(), set())

    def test_every_container_is_without_privileges_and_within_limits(self):
        for objects in self.rendered.values():
            for one, pod, container in containers(objects):
                self.assertTrue(pod["securityContext"]["runAsNonRoot"])
                self.assertIs(pod["automountServiceAccountToken"], False)
                self.assertTrue(container["securityContext"]["readOnlyRootFilesystem"])
                self.assertIs(container["securityContext"]["allowPrivilegeEscalation"], False)
                self.assertIn("memory", container["resources"]["limits"])
                if one["kind"] != "Job":
                    self.assertIn("readinessProbe", container)
                    self.assertIn("livenessProbe", container)

    def test_the_migration_runs_before_anything_else(self):
        for objects in self.rendered.values():
            [job] = [one for one in objects if one["kind"] == "Job"]
            self.assertEqual(job["metadata"]["annotations"]["helm.sh/hook"], "pre-install,pre-upgrade")
            self.assertEqual(job["spec"]["template"]["spec"]["containers"][0]["args"], ["migrate"])

    def test_workers_run_where_rabbitmq_carries_webhooks(self):
        self.assertIn("waggle-worker", self.of_kind("two-client-names", "Deployment"))
        self.assertNotIn("waggle-worker", self.of_kind("small", "Deployment"))
        worker = self.of_kind("two-client-names", "Deployment")["waggle-worker"]
        self.assertNotIn("replicas", worker["spec"], "the autoscaler decides")
        scaler = self.of_kind("two-client-names", "HorizontalPodAutoscaler")["waggle-worker"]
        self.assertEqual(scaler["spec"]["scaleTargetRef"]["name"], "waggle-worker")

    def test_regions_name_each_other(self):
        hosts, peers = {}, {}
        for region in ("eu", "us"):
            service = self.of_kind(f"region-{region}", "Service")["waggle-peers"]
            hosts[region] = service["metadata"]["annotations"]["external-dns.alpha.kubernetes.io/hostname"]
            [port] = service["spec"]["ports"]
            nodes = self.of_kind(f"region-{region}", "StatefulSet")[f"waggle-{region}"]
            variables = environment(nodes["spec"]["template"]["spec"]["containers"][0])
            peers[region] = variables["WAGGLE_CLUSTER_PEERS"]["value"]
            self.assertEqual(port["port"], 8080)
        self.assertEqual(peers, {"eu": f"http://{hosts['us']}:8080", "us": f"http://{hosts['eu']}:8080"})

    def test_files_of_the_chart_are_those_of_compose(self):
        objects = self.rendered["two-client-names"]
        [rules] = [one["spec"] for one in objects if one["kind"] == "PrometheusRule"]
        docker = deployment_names.ROOT / "docker"
        self.assertEqual(rules, yaml.safe_load((docker / "prometheus" / "rules.yaml").read_text()))
        maps = self.of_kind("two-client-names", "ConfigMap")
        self.assertEqual(json.loads(maps["waggle-dashboard"]["data"]["waggle.json"]),
                         json.loads((docker / "grafana" / "dashboards" / "waggle.json").read_text()))
        self.assertEqual(maps["waggle-router"]["data"]["nginx.conf.template"].strip(),
                         (docker / "nginx.conf").read_text().strip())

    def test_the_router_has_a_server_per_client_name_and_every_variable_of_its_template(self):
        router = self.of_kind("two-client-names", "Deployment")["waggle-router"]
        variables = environment(router["spec"]["template"]["spec"]["containers"][0])
        servers = variables["WAGGLE_UPSTREAM_SERVERS"]["value"]
        self.assertEqual(servers.split(), 2 * "server waggle-shop:8080 max_fails=0;".split()
                         + 2 * "server waggle-support:8080 max_fails=0;".split())
        services = self.of_kind("two-client-names", "Service")
        for name in re.findall(r"server ([\w-]+):8080", servers):
            self.assertNotEqual(services[name]["spec"].get("clusterIP"), "None")
        template_text = (deployment_names.ROOT / "docker" / "nginx.conf").read_text()
        wanted = set(re.findall(r"\$\{([A-Z_]+)\}", template_text))
        self.assertEqual(wanted - set(variables), {"NGINX_LOCAL_RESOLVERS"})


if __name__ == "__main__":
    unittest.main()
