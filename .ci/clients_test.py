"""What others make of a node: a fuzzer of its document, and public clients with their own idea of the API."""

import base64
import io
import json
import os
import re
import signal
import subprocess
import tempfile
import unittest

from evolutionapi.client import EvolutionClient
from evolutionapi.models.group import CreateGroup, GroupSubject
from evolutionapi.models.instance import InstanceConfig
from evolutionapi.models.message import Contact, ContactMessage, MediaMessage, PollMessage, TextMessage

# Seconds that the fuzzer may take.
FUZZING = 60
# Not fuzzed: what ends the connection that everything else needs, what is of other nodes, pages, what cannot succeed,
# and stanzas of one's own.
NOT_FUZZED = r"^/(instance/(logout|delete|restart|connect)|cluster|metrics|docs|baileys/(signal|sendNode))"
KEY = "demo-key-of-this-run-only"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


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
        config, hooks = os.path.abspath("schemathesis.toml"), os.path.abspath("fuzzing.py")
        command = ["schemathesis", "--config-file", config, "run", f"{self.url}/openapi.json"]
        command += ["-H", f"apikey: {KEY}", "--checks", checks, "--phases", "examples,coverage,fuzzing"]
        command += ["--exclude-path-regex", NOT_FUZZED, "--max-time", str(FUZZING), "--no-color"]
        command += ["--generation-deterministic", "--continue-on-failure"]
        with tempfile.TemporaryDirectory() as notes:
            done = subprocess.run(command, capture_output=True, text=True, cwd=notes,
                                  env={**os.environ, "SCHEMATHESIS_HOOKS": hooks})
        self.assertEqual(done.returncode, 0, done.stdout[-12000:] + done.stderr[-2000:])
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

    def test_the_python_client_sends_a_form_cards_and_polls_and_has_a_group(self):
        client, bob = EvolutionClient(self.url, KEY), self.bob
        picture = MediaMessage(number=bob, mediatype="image", mimetype="image/png", caption="a pixel", fileName="a.png")
        sent = client.messages.send_media("alice", picture, KEY, io.BytesIO(base64.b64decode(PIXEL)))
        self.assertEqual(sent["message"]["imageMessage"]["caption"], "a pixel")
        card = Contact(fullName="Ana", wuid=bob, phoneNumber="+" + bob)
        sent = client.messages.send_contact("alice", ContactMessage(number=bob, contact=[card]), KEY)
        self.assertIn(f"waid={bob}:", sent["message"]["contactMessage"]["vcard"])
        poll = PollMessage(number=bob, name="Where to?", selectableCount=1, values=["Sea", "Mountains"])
        self.assertEqual(client.messages.send_poll("alice", poll, KEY)["messageType"], "pollCreationMessageV3")
        group = client.group.create_group("alice", CreateGroup(subject="Friends", participants=[bob]), KEY)
        client.group.update_group_subject("alice", group["id"], GroupSubject(subject="Best friends"), KEY)
        self.assertEqual(client.group.get_group_info("alice", group["id"], KEY)["subject"], "Best friends")
        self.assertIn(group["id"], [one["id"] for one in client.group.fetch_all_groups("alice", KEY)])

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
            step("messages-api", "send-image", instanceName="alice", remoteJid=self.bob, media=PIXEL, mimetype="image/png"),
            step("profile-api", "fetch-profile", instanceName="alice", remoteJid=jid),
            step("profile-api", "fetch-privacy-settings", instanceName="alice"),
            step("groups-api", "create-group", instanceName="alice", subject="n8n", description="", participants=self.bob),
        ]
        done = subprocess.run(
            ["node", "n8n.cjs", self.url, KEY], input=json.dumps(steps), capture_output=True, text=True
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        listed, sent, checked, found, chats, image, profile, privacy, group = json.loads(done.stdout)
        self.assertEqual({row["name"] for row in listed} & {"alice", "bob"}, {"alice", "bob"})
        self.assertEqual([one["exists"] for one in checked], [True, False])
        self.assertIn(sent["key"]["id"], [one["key"]["id"] for one in found["messages"]["records"]])
        self.assertIn(jid, [chat["remoteJid"] for chat in chats])
        self.assertEqual(image["messageType"], "imageMessage")
        self.assertEqual((profile["wuid"], profile["numberExists"]), (jid, True))
        self.assertIn("readreceipts", privacy)
        self.assertEqual((group["subject"], group["size"]), ("n8n", 2))


if __name__ == "__main__":
    unittest.main()
