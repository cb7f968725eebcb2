"""What others make of a node: a fuzzer of its document, and public clients with their own idea of the API."""

import json
import os
import re
import signal
import subprocess
import tempfile
import unittest

from evolutionapi.client import EvolutionClient
from evolutionapi.models.instance import InstanceConfig
from evolutionapi.models.message import TextMessage

# Seconds that the fuzzer may take.
FUZZING = 60
# Not fuzzed: what ends the connection that everything else needs, what is of other nodes, and pages.
NOT_FUZZED = r"^/(instance/(logout|delete|restart|connect)|cluster|metrics|docs)"
KEY = "demo-key-of-this-run-only"


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.demo = subprocess.Popen(
            [os.environ["WAGGLE"], "demo", "--stay"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        told = ""
        for line in cls.demo.stdout:
            told += line
            if "Ctrl-C ends it" in line:
                break
        else:
            raise AssertionError(told)
        cls.url = re.search(r"node +(http://\S+)", told)[1]
        cls.bob = re.search(r"bob +paired as \+(\d+)", told)[1]

    @classmethod
    def tearDownClass(cls):
        cls.demo.send_signal(signal.SIGINT)
        cls.demo.stdout.read()
        assert cls.demo.wait(60) == 0, "the node ends cleanly"

    def test_the_document_is_kept_under_fuzzing(self):
        checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
        config = os.path.abspath("schemathesis.toml")
        command = ["schemathesis", "--config-file", config, "run", f"{self.url}/openapi.json"]
        command += ["-H", f"apikey: {KEY}", "--checks", checks, "--phases", "examples,coverage,fuzzing"]
        command += ["--exclude-path-regex", NOT_FUZZED, "--max-time", str(FUZZING), "--no-color"]
        command += ["--generation-database", "none", "--continue-on-failure"]
        with tempfile.TemporaryDirectory() as notes:
            done = subprocess.run(command, capture_output=True, text=True, cwd=notes)
        self.assertEqual(done.returncode, 0, done.stdout[-6000:] + done.stderr[-2000:])
        state = EvolutionClient(self.url, KEY).get("instance/connectionState/alice")
        self.assertEqual(state["instance"]["state"], "open", "and the instance is still connected")

    def test_the_python_client_creates_sends_and_finds(self):
        client = EvolutionClient(self.url, KEY)
        created = client.instances.create_instance(InstanceConfig(instanceName="py", integration="WHATSAPP-BAILEYS", qrcode=False))
        self.assertEqual(created["instance"]["instanceName"], "py")
        self.assertIn("py", [row["name"] for row in client.instances.fetch_instances()])
        operations = client.instance_operations
        self.assertEqual(operations.get_connection_state("alice", KEY)["instance"]["state"], "open")
        sent = client.messages.send_text("alice", TextMessage(number=self.bob, text="from Python"), KEY)
        self.assertEqual(sent["message"], {"conversation": "from Python"})
        found = client.chat.get_messages("alice", remote_jid=f"{self.bob}@s.whatsapp.net", instance_token=KEY)
        self.assertIn(sent["key"]["id"], json.dumps(found))
        self.assertEqual(operations.delete("py", created["hash"])["status"], "SUCCESS")

    def test_the_n8n_node_creates_sends_and_finds(self):
        def step(resource, operation, **parameters):
            return {"resource": resource, "operation": operation, **parameters}

        jid = f"{self.bob}@s.whatsapp.net"
        steps = [
            step("instances-api", "fetch-instances"),
            step("messages-api", "send-text", instanceName="alice", remoteJid=self.bob, messageText="from n8n", options_message={}),
            step("chat-api", "check-number", instanceName="alice", numbers=f"{self.bob},550000000000"),
            step("chat-api", "find-messages", instanceName="alice", remoteJid=jid, page=1, offset=10),
            step("chat-api", "find-chats", instanceName="alice", remoteJid=jid),
        ]
        done = subprocess.run(
            ["node", "n8n.cjs", self.url, KEY], input=json.dumps(steps), capture_output=True, text=True
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        listed, sent, checked, found, chats = json.loads(done.stdout)
        self.assertEqual({row["name"] for row in listed} & {"alice", "bob"}, {"alice", "bob"})
        self.assertEqual([one["exists"] for one in checked], [True, False])
        self.assertIn(sent["key"]["id"], [one["key"]["id"] for one in found["messages"]["records"]])
        self.assertIn(jid, [chat["remoteJid"] for chat in chats])


if __name__ == "__main__":
    unittest.main()
