"""Prometheus' rules and Grafana's dashboard: that they load, and that they ask for what there is."""

import json
import re
import subprocess
import unittest

import deployment_names
import yaml

ROOT = deployment_names.ROOT
PROMETHEUS = ROOT / "docker" / "prometheus"
DASHBOARD = ROOT / "docker" / "grafana" / "dashboards" / "waggle.json"
GRAFANA = ROOT / "docker" / "grafana" / "provisioning"


def rules():
    loaded = yaml.safe_load((PROMETHEUS / "rules.yaml").read_text())
    return [rule for group in loaded["groups"] for rule in group["rules"]]


def dashboard():
    return json.loads(DASHBOARD.read_text())


def expressions():
    return [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]


class MonitoringTest(unittest.TestCase):
    def promtool(self, *arguments):
        ran = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False, cwd=PROMETHEUS)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)

    def test_prometheus_takes_configuration_and_rules(self):
        self.promtool("check", "config", "prometheus.yaml")
        self.promtool("check", "rules", "rules.yaml")

    def test_alerts_fire_when_they_should(self):
        self.promtool("test", "rules", "rules_test.yaml")

    def test_every_alert_has_a_case_in_which_it_fires(self):
        cases = (PROMETHEUS / "rules_test.yaml").read_text()
        for rule in rules():
            self.assertIn(f'alertname="{rule["alert"]}"', cases)

    def test_the_readme_says_what_to_do_about_every_alert_and_about_no_other(self):
        told = re.findall(r"^\| `(Waggle\w+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
        self.assertCountEqual(told, [rule["alert"] for rule in rules()])

    def test_metrics_are_those_that_there_are(self):
        asked = [rule["expr"] for rule in rules()] + expressions()
        names = {name for text in asked for name in re.findall(r"\b(?:waggle|evolution)_[a-z_]+\b", text)}
        self.assertGreater(len(names), 20)
        self.assertEqual(names - deployment_names.metrics(), set())

    def test_queries_of_the_dashboard_are_promql(self):
        groups = [{"record": f"panel:{number}", "expr": expr.replace("$__rate_interval", "5m")}
                  for number, expr in enumerate(expressions())]
        text = yaml.safe_dump({"groups": [{"name": "dashboard", "rules": groups}]})
        checked = subprocess.run(["promtool", "check", "rules", "/dev/stdin"], input=text, capture_output=True,
                                 text=True, check=False)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_panels_have_ids_of_their_own_and_do_not_overlap(self):
        panels = dashboard()["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        taken = set()
        for panel in panels:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            self.assertFalse(cells & taken, panel["title"])
            self.assertLessEqual(at["x"] + at["w"], 24, panel["title"])
            taken |= cells

    def test_grafana_finds_dashboard_and_data_source(self):
        provider = yaml.safe_load((GRAFANA / "dashboards" / "waggle.yaml").read_text())["providers"][0]
        source = yaml.safe_load((GRAFANA / "datasources" / "prometheus.yaml").read_text())["datasources"][0]
        mounts = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())["services"]["grafana"]["volumes"]
        self.assertIn(f"./grafana/dashboards:{provider['options']['path']}:ro", mounts)
        self.assertEqual((source["type"], source["url"]), ("prometheus", "http://prometheus:9090"))


if __name__ == "__main__":
    unittest.main()
