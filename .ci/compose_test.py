"""docker/compose.yaml: that Compose would take it, and that its services fit together."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import compose_spec
import deployment_names
import yaml

DOCKER = deployment_names.ROOT / "docker"
COMPOSE = (DOCKER / "compose.yaml").read_text()
SERVICES = yaml.safe_load(COMPOSE)["services"]
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
NODES = {name: service for name, service in SERVICES.items() if name.startswith("node-")}
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "waggle"}


def seconds(text):
    return int(text.removesuffix("s"))


class ComposeTest(unittest.TestCase):
    def test_it_follows_the_specification(self):
        # As JSON, because merged anchors ("<<") are YAML's.
        compose_spec.PyCompose.from_json(json.dumps(yaml.safe_load(COMPOSE))).validate()

    def test_docker_compose_takes_it(self):
        # Where there is one; what it would say otherwise, the specification has said above.
        if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
            with tempfile.TemporaryDirectory() as folder:
                command = ["docker", "compose", "--env-file", self.secrets(folder), "-f", DOCKER / "compose.yaml"]
                ran = subprocess.run([*command, "config", "--quiet"], capture_output=True, text=True, check=False)
                self.assertEqual(ran.returncode, 0, ran.stderr)

    def secrets(self, folder):
        """The file that the command in .env.example makes."""
        shutil.copy(DOCKER / ".env.example", folder)
        lines = re.findall(r"^#   (.*)$", (DOCKER / ".env.example").read_text(), re.MULTILINE)
        subprocess.run(["sh", "-ec", "\n".join(lines)], cwd=folder, check=True)
        return os.path.join(folder, ".env")

    def test_the_command_of_the_example_fills_every_secret_in(self):
        with tempfile.TemporaryDirectory() as folder, open(self.secrets(folder)) as made:
            lines = [line.strip() for line in made if line.strip() and not line.startswith("#")]
        values = dict(line.split("=", 1) for line in lines)
        self.assertEqual(set(values), set(re.findall(r"\$\{([A-Z_]+)", COMPOSE)))
        random = [value for name, value in values.items() if name != "SERVER_URL"]
        self.assertEqual(len(set(random)), len(random))
        for value in random:
            self.assertRegex(value, r"^[0-9a-f]{64}$")

    def test_no_secret_is_written_down_or_left_empty(self):
        for name, service in SERVICES.items():
            for variable, value in (service.get("environment") or {}).items():
                if re.search(r"KEY$|SECRET|PASS|_URI$", variable) and "PREFIX" not in variable:
                    self.assertRegex(value, r"\$\{[A-Z_]+:\?", f"{name}: {variable}")

    def test_variables_are_those_that_there_are(self):
        names = {variable for service in OURS.values() for variable in service["environment"]}
        self.assertEqual(names - deployment_names.variables(), set())

    def test_nodes_have_names_and_addresses_of_their_own(self):
        self.assertEqual(len(NODES), 3)
        clients = [service["environment"]["DATABASE_CONNECTION_CLIENT_NAME"] for service in NODES.values()]
        self.assertEqual(sorted(clients), ["a", "a", "b"])
        for name, service in NODES.items():
            self.assertEqual(service["environment"]["WAGGLE_NODE_ID"], name)
            self.assertEqual(service["environment"]["WAGGLE_ADVERTISED_URL"], f"http://{name}:8080")

    def test_a_drain_may_take_its_time(self):
        for name, service in OURS.items():
            drain = int(service["environment"]["WAGGLE_DRAIN_TIMEOUT_SECONDS"])
            self.assertGreater(seconds(service["stop_grace_period"]), drain + 5, name)

    def test_what_is_waited_for_can_tell_its_health(self):
        for name, service in SERVICES.items():
            waits = service.get("depends_on", {})
            for other, how in waits.items() if isinstance(waits, dict) else []:
                if how["condition"] == "service_healthy":
                    own = "healthcheck" in SERVICES[other] or (other in OURS and "HEALTHCHECK" in DOCKERFILE)
                    self.assertTrue(own, f"{name} waits for {other}")

    def test_nginx_knows_every_node_and_every_variable_of_its_template(self):
        environment = SERVICES["nginx"]["environment"]
        known = re.findall(r"server ([\w-]+):8080", environment["WAGGLE_UPSTREAM_SERVERS"])
        self.assertCountEqual(known, NODES)
        wanted = set(re.findall(r"\$\{([A-Z_]+)\}", (DOCKER / "nginx.conf").read_text()))
        self.assertEqual(wanted - set(environment), {"NGINX_LOCAL_RESOLVERS"})
        self.assertEqual(environment["NGINX_ENTRYPOINT_LOCAL_RESOLVERS"], "1")

    def test_prometheus_knows_every_node_by_its_client_name(self):
        jobs = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yaml").read_text())["scrape_configs"]
        [nodes] = [job for job in jobs if job["job_name"] == "waggle-node"]
        told = {target: static["labels"]["client_name"]
                for static in nodes["static_configs"] for target in static["targets"]}
        wanted = {f"{name}:8080": service["environment"]["DATABASE_CONNECTION_CLIENT_NAME"]
                  for name, service in NODES.items()}
        self.assertEqual(told, wanted)

    def test_mounted_files_and_named_volumes_exist(self):
        volumes = yaml.safe_load(COMPOSE)["volumes"]
        for name, service in SERVICES.items():
            for mount in service.get("volumes", []):
                source = mount.split(":")[0]
                there = (DOCKER / source).exists() if source.startswith(".") else source in volumes
                self.assertTrue(there, f"{name}: {mount}")

    def test_only_nginx_is_open_to_the_world(self):
        for name, service in SERVICES.items():
            for port in service.get("ports", []):
                self.assertTrue(name == "nginx" or port.startswith("127.0.0.1:"), f"{name}: {port}")


class DockerfileTest(unittest.TestCase):
    def test_it_is_sound(self):
        ran = subprocess.run(["hadolint", "--ignore", "DL3008", DOCKER / "Dockerfile"], capture_output=True,
                             text=True, check=False)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)

    def test_a_release_has_no_feature_of_the_tests(self):
        [build] = re.findall(r"cargo build.*", DOCKERFILE)
        self.assertNotIn("features", build)
        self.assertIn("--package waggle ", build)

    def test_the_build_gets_all_members_of_the_workspace(self):
        manifest = (deployment_names.ROOT / "Cargo.toml").read_text()
        [members] = re.findall(r"^members = \[(.*)\]", manifest, re.MULTILINE)
        ignore = (DOCKER / "Dockerfile.dockerignore").read_text()
        for member in re.findall(r'"(\w+)"', members):
            self.assertIn(f"\n!{member}\n", ignore)


if __name__ == "__main__":
    unittest.main()
