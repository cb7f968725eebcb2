"""docker/nginx.conf in a real nginx, in front of stub nodes on loopback ports."""

import base64
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

TEMPLATE = pathlib.Path(__file__).parent.parent / "docker" / "nginx.conf"
SECRET = "0123456789abcdef"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(condition, what, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"never happened: {what}")
        time.sleep(0.02)


class Cluster:
    """What all stub nodes know: who holds which instance, as its path segment is written."""

    def __init__(self):
        self.owners = {}
        self.locate_status = 204
        self.located = []


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        """A client that hung up is no news."""


class Node:
    """A stub node that keeps what it was asked, and answers as told."""

    def __init__(self, name, cluster):
        self.name, self.cluster = name, cluster
        self.requests = []
        self.answer = (200, b"")
        self.location = None
        self.hang_up = False
        self.go_on = threading.Event()
        node = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                node.serve(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = serve

            def log_message(self, *_):
                pass

        self.handler = Handler
        self.start(0)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self, port):
        self.server = Server(("127.0.0.1", port), self.handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def serve(self, request):
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length)
        if request.path.startswith("/cluster/locate/"):
            self.locate(request)
            return
        # Not `request.path`, in which the library repairs slashes.
        path = request.requestline.split(" ")[1]
        self.requests.append((request.command, path, dict(request.headers), body))
        if self.hang_up:
            request.close_connection = True
            return
        if "websocket" in request.headers.get("Upgrade", "").lower():
            self.upgrade(request)
            return
        if request.path.startswith("/stream"):
            self.stream(request)
            return
        status, text = self.answer
        text = text or self.name.encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(text)))
        if self.location:
            request.send_header("Location", self.location)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(text)

    def locate(self, request):
        name = request.path.removeprefix("/cluster/locate/")
        self.cluster.located.append((name, dict(request.headers)))
        trusted = request.headers.get("X-Waggle-Cluster") == SECRET
        request.send_response(self.cluster.locate_status if trusted else 401)
        owner = self.cluster.owners.get(name)
        if owner:
            request.send_header("X-Waggle-Owner", owner)
        request.send_header("Cache-Control", "no-store")
        if self.cluster.locate_status != 204 or not trusted:
            request.send_header("Content-Length", "0")
        request.end_headers()

    def stream(self, request):
        """Answers a first chunk, and the second when told to."""
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        request.wfile.write(b"5\r\nfirst\r\n")
        self.go_on.wait(10)
        request.wfile.write(b"6\r\nsecond\r\n0\r\n\r\n")

    def upgrade(self, request):
        """Accepts the WebSocket, then echoes bytes."""
        key = request.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        request.send_response(101)
        request.send_header("Upgrade", "websocket")
        request.send_header("Connection", "Upgrade")
        request.send_header("Sec-WebSocket-Accept", accept)
        request.end_headers()
        request.close_connection = True
        while data := request.connection.recv(1024):
            request.connection.sendall(data)


class Nginx:
    """A real nginx with a folder and ports of its own."""

    def __init__(self, servers, secret=SECRET):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="waggle-nginx-"))
        self.port = free_port()
        self.log = self.folder / "out.log"
        variables = {
            "WAGGLE_NGINX_LISTEN": f"127.0.0.1:{self.port}",
            "WAGGLE_NGINX_INNER_PORT": str(free_port()),
            "WAGGLE_NGINX_DIR": str(self.folder),
            "WAGGLE_UPSTREAM_SERVERS": " ".join(f"server {server} max_fails=0;" for server in servers),
            "WAGGLE_CLUSTER_SECRET": secret,
            # Nobody listens there: a host name of an owner cannot be resolved.
            "NGINX_LOCAL_RESOLVERS": f"127.0.0.1:{free_port()}",
        }
        # By the command that the template itself names.
        [command] = re.findall(r"^#   (envsubst .*)$", TEMPLATE.read_text(), re.MULTILINE)
        self.config = self.folder / "rendered.conf"
        shutil.copy(TEMPLATE, self.folder / "nginx.conf")
        subprocess.run(["sh", "-ec", command], cwd=self.folder, env=os.environ | variables, check=True)
        # nginx's workers run as another user when the master is root.
        self.folder.chmod(0o755)
        self.command = ["nginx", "-p", str(self.folder), "-c", str(self.config), "-g", "daemon off;"]

    def check(self):
        return subprocess.run([*self.command, "-t"], capture_output=True, text=True, check=False)

    def start(self):
        with self.log.open("w") as out:
            self.process = subprocess.Popen(self.command, stdout=out, stderr=subprocess.STDOUT)
        until(self.is_up, "nginx listens")

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError(self.log.read_text())
        try:
            return self.ask("GET", "/nginx-health")[0] == 204
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.remove()

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            # putrequest and not request(), which would refuse or repair some of these paths.
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def headers(self, method, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path)
            return dict(connection.getresponse().getheaders())
        finally:
            connection.close()


class NginxTest(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster()
        self.a, self.b = self.node("a"), self.node("b")
        self.nginx = self.start_nginx([self.a, self.b])

    def node(self, name):
        node = Node(name, self.cluster)
        self.addCleanup(node.stop)
        return node

    def start_nginx(self, nodes, **options):
        nginx = Nginx([f"127.0.0.1:{node.port}" for node in nodes], **options)
        checked = nginx.check()
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.addCleanup(nginx.stop)
        nginx.start()
        return nginx

    def dead_url(self):
        return f"http://127.0.0.1:{free_port()}"

    def test_a_request_goes_to_the_owner_each_time(self):
        self.cluster.owners = {"acme": self.a.url, "beta": self.b.url}
        for _ in range(4):
            self.assertEqual(self.nginx.ask("GET", "/instance/connectionState/acme"), (200, "a"))
            self.assertEqual(self.nginx.ask("POST", "/message/sendText/beta?x=1", b"{}"), (200, "b"))
        self.assertEqual(self.b.requests[0][1], "/message/sendText/beta?x=1")

    def test_an_owner_outside_the_configured_servers_is_reached_too(self):
        c = self.node("c")
        self.cluster.owners = {"acme": c.url}
        self.assertEqual(self.nginx.ask("GET", "/chat/findChats/acme"), (200, "c"))

    def test_the_answer_of_the_lookup_is_kept_for_a_moment_only(self):
        self.cluster.owners = {"acme": self.a.url}
        for path in ("/instance/connectionState/acme", "/chat/findChats/acme", "/settings/find/acme?q=1"):
            self.assertEqual(self.nginx.ask("GET", path), (200, "a"))
        self.assertEqual(len(self.cluster.located), 1)
        self.cluster.owners = {"acme": self.b.url}
        until(lambda: self.nginx.ask("GET", "/settings/find/acme") == (200, "b"), "the new owner is noticed")

    def test_many_at_once_do_not_look_up_each_for_itself(self):
        self.cluster.owners = {"acme": self.a.url}
        threads = [threading.Thread(target=self.nginx.ask, args=("GET", "/settings/find/acme")) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # One, unless this machine is so busy that the lock's second passes.
        self.assertLess(len(self.cluster.located), 5)
        self.assertEqual(len(self.a.requests), 20)

    def test_names_reach_lookup_and_owner_as_the_client_wrote_them(self):
        for name in ("Jo%C3%A3o%20da%20Silva", "%E5%AE%A2%E6%88%B7", "x@y.z+1", "a%2Bb", "100%25", "a.b_c-d"):
            self.cluster.owners[name] = self.b.url
            path = f"/message/sendText/{name}"
            self.assertEqual(self.nginx.ask("POST", path, b"{}"), (200, "b"))
            self.assertEqual(self.b.requests[-1][1], path)
        self.cluster.owners["acme"] = self.b.url
        for path in ("/instance/connectionState/acme/", "//instance//connectionState//acme"):
            self.assertEqual(self.nginx.ask("GET", path), (200, "b"), path)
            self.assertEqual(self.b.requests[-1][1], path)

    def test_a_link_to_a_file_leads_to_the_store_through_the_owner(self):
        signed = ("?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=access%2F20261121%2Fus-east-1%2Fs3%2Faws4_request"
                  "&X-Amz-Date=20261121T120000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=00ff")
        query = "?id=019aa5f0-0000-7000-8000-000000000000&expires=1795305600&signature=00ff"
        self.b.answer = (302, b"")
        for name in ("acme", "Jo%C3%A3o%20da%20Silva", "a%2Fb"):
            self.cluster.owners[name] = self.b.url
            # The last two are names that nginx gives to the nodes.
            for host in ("https://s3.example.com", "http://minio:9000", "http://nodes", "http://owner"):
                self.b.location = f"{host}/files/waggle/1%40s.whatsapp.net/imageMessage/a+b.png{signed}"
                answer = self.nginx.headers("GET", f"/s3/file/{name}{query}")
                self.assertEqual(answer["Location"], self.b.location)
                self.assertEqual(self.b.requests[-1][1], f"/s3/file/{name}{query}")
        self.assertEqual(self.a.requests, [])
        # Where the owner is not known, any node hands it out.
        self.a.answer, self.a.location = self.b.answer, self.b.location
        answer = self.nginx.headers("GET", f"/s3/file/unknown{query}")
        self.assertEqual(answer["Location"], self.b.location)

    def test_503_for_a_link_is_the_answer_and_no_other_node_is_asked_to_wait_as_well(self):
        self.cluster.owners = {"acme": self.a.url}
        self.a.answer = (503, b"not yet")
        nginx = self.start_nginx([self.b])
        for path in ("/s3/file/acme?id=1&expires=2&signature=3", "//s3//file/acme?id=1", "/S3/file/acme?id=1"):
            self.assertEqual(nginx.ask("GET", path), (503, "not yet"), path)
        self.assertEqual([request[1] for request in self.b.requests if "/locate/" not in request[1]], [])
        # Of other paths, whatever they are called, the next node is asked.
        self.assertEqual(nginx.ask("POST", "/s3/getMedia/acme", b"{}"), (200, "b"))
        self.assertEqual(nginx.ask("GET", "/chat/s3/file"), (200, "b"))

    def test_a_dead_owner_of_a_link_is_replaced_by_any_node(self):
        path = "/s3/file/acme?id=1&expires=2&signature=3"
        self.cluster.owners = {"acme": self.dead_url()}
        self.assertEqual(self.nginx.ask("GET", path)[0], 200)
        self.cluster.owners = {"acme": self.a.url}
        self.a.hang_up = True
        nginx = self.start_nginx([self.b])
        self.assertEqual(nginx.ask("GET", path), (200, "b"))
        self.cluster.locate_status = 503
        self.assertEqual(nginx.ask("GET", "/s3/file/other?id=1"), (200, "b"))

    def test_an_unknown_instance_goes_to_any_node(self):
        self.assertEqual(self.nginx.ask("POST", "/message/sendText/nobody", b"body")[0], 200)
        self.assertEqual((self.a.requests + self.b.requests)[0][3], b"body")

    def test_paths_without_an_instance_are_spread_without_a_lookup(self):
        for path in ("/", "/instance/create", "/instance/fetchInstances?instanceName=acme", "/health/ready",
                     "/openapi.json", "/verify-creds", "/docs/a/b", "/manager/assets/x.js"):
            for _ in range(2):
                self.assertEqual(self.nginx.ask("GET", path)[0], 200, path)
        self.assertEqual(self.cluster.located, [])
        self.assertEqual(len(self.a.requests), len(self.b.requests))

    def test_a_dead_owner_is_replaced_by_any_node_and_the_body_is_whole(self):
        self.cluster.owners = {"acme": self.dead_url()}
        bodies = [b"{}", os.urandom(3_000_000)]
        for body in bodies:
            self.assertEqual(self.nginx.ask("POST", "/message/sendMedia/acme", body)[0], 200)
        self.assertCountEqual([request[3] for request in self.a.requests + self.b.requests], bodies)

    def test_an_owner_that_cannot_be_resolved_is_replaced(self):
        self.cluster.owners = {"acme": "http://waggle-a-0.elsewhere.invalid:8080"}
        self.assertEqual(self.nginx.ask("POST", "/message/sendText/acme", b"{}")[0], 200)

    def test_a_failed_lookup_leads_to_any_node(self):
        self.cluster.owners = {"acme": self.a.url}
        for status in (401, 403, 404, 500, 503):
            self.cluster.locate_status = status
            self.assertEqual(self.nginx.ask("POST", "/message/sendText/acme", b"{}")[0], 200, status)

    def test_a_wrong_secret_costs_a_hop_and_nothing_else(self):
        nginx = self.start_nginx([self.a], secret="ffff")
        self.cluster.owners = {"acme": self.b.url}
        self.assertEqual(nginx.ask("GET", "/settings/find/acme"), (200, "a"))

    def test_503_of_the_owner_is_asked_again_elsewhere_with_its_body(self):
        self.cluster.owners = {"acme": self.a.url}
        self.a.answer = (503, b"draining")
        nginx = self.start_nginx([self.b])
        self.assertEqual(nginx.ask("POST", "/message/sendText/acme", b"hello"), (200, "b"))
        self.assertEqual((self.a.requests[0][3], self.b.requests[0][3]), (b"hello", b"hello"))

    def test_503_of_every_node_is_the_answer_of_a_node(self):
        self.cluster.owners = {"acme": self.a.url}
        self.a.answer = self.b.answer = (503, b'{"status":503}')
        self.assertEqual(self.nginx.ask("POST", "/message/sendText/acme", b"{}"), (503, '{"status":503}'))

    def test_answers_of_the_owner_are_passed_on_and_never_asked_again(self):
        self.cluster.owners = {"acme": self.a.url}
        for status in (201, 400, 401, 403, 404, 409, 429, 500, 502, 504):
            self.a.answer = (status, b"as it is")
            self.assertEqual(self.nginx.ask("POST", "/message/sendText/acme", b"{}"), (status, "as it is"))
        self.assertEqual(self.b.requests, [])
        self.assertEqual(len(self.a.requests), 10)

    def test_what_may_have_been_done_is_not_done_twice(self):
        self.cluster.owners = {"acme": self.a.url}
        self.a.hang_up = True
        status, text = self.nginx.ask("POST", "/message/sendText/acme", b"{}")
        self.assertEqual((status, "may or may not" in text), (502, True))
        self.assertEqual((len(self.a.requests), self.b.requests), (1, []))

    def test_nor_is_what_names_no_instance(self):
        self.a.hang_up = self.b.hang_up = True
        self.assertEqual(self.nginx.ask("POST", "/instance/create", b"{}")[0], 502)
        self.assertEqual(len(self.a.requests + self.b.requests), 1)

    def test_nor_is_the_get_that_joins_a_group(self):
        self.cluster.owners = {"acme": self.a.url}
        self.a.hang_up = self.b.hang_up = True
        for path in ("/group/acceptInviteCode/acme?inviteCode=x", "/Group/AcceptInviteCode/acme"):
            status, text = self.nginx.ask("GET", path)
            self.assertEqual((status, "may or may not" in text), (502, True), path)
        self.assertEqual((len(self.a.requests), self.b.requests), (2, []))
        self.assertEqual(self.nginx.ask("GET", "/group/acceptInviteCode/unknown")[0], 502)
        self.assertEqual(len(self.a.requests + self.b.requests), 3)

    def test_a_read_is_asked_again(self):
        self.cluster.owners = {"acme": self.a.url}
        self.a.hang_up = True
        nginx = self.start_nginx([self.b])
        self.assertEqual(nginx.ask("GET", "/instance/connectionState/acme"), (200, "b"))

    def test_no_node_at_all_is_told_in_the_envelope_of_the_api(self):
        nginx = Nginx([self.dead_url().removeprefix("http://")])
        self.addCleanup(nginx.stop)
        nginx.start()
        for path in ("/", "/message/sendText/acme"):
            status, text = nginx.ask("POST", path, b"{}")
            self.assertEqual((status, "No node answered" in text), (502, True), path)

    def test_nodes_that_go_are_left_out_and_come_back(self):
        self.b.stop()
        for _ in range(6):
            self.assertEqual(self.nginx.ask("POST", "/instance/create", b"{}"), (200, "a"))
        self.b.start(self.b.port)
        until(lambda: self.nginx.ask("GET", "/") == (200, "b"), "the node is used again")

    def test_a_websocket_passes_both_ways(self):
        self.cluster.owners = {"acme": self.a.url}
        for path in ("/socket.io/?EIO=4&transport=websocket", "/any/thing/acme"):
            with socket.create_connection(("127.0.0.1", self.nginx.port), timeout=10) as client:
                client.sendall(
                    f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode())
                head = b""
                while b"\r\n\r\n" not in head:
                    head += client.recv(1024)
                self.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)
                for text in (b"there", b"and back"):
                    client.sendall(text)
                    self.assertEqual(client.recv(1024), text)

    def test_an_answer_is_passed_on_while_it_comes(self):
        self.cluster.owners = {"acme": self.a.url}
        connection = http.client.HTTPConnection("127.0.0.1", self.nginx.port, timeout=10)
        self.addCleanup(connection.close)
        connection.request("GET", "/stream/of/acme")
        answer = connection.getresponse()
        self.assertEqual(answer.read(5), b"first")
        self.a.go_on.set()
        self.assertEqual(answer.read(), b"second")

    def test_polling_of_socket_io_stays_at_one_node(self):
        answers = {self.nginx.ask("GET", "/socket.io/?EIO=4&transport=polling")[1] for _ in range(8)}
        self.assertEqual(len(answers), 1)

    def test_a_client_cannot_speak_as_a_node(self):
        self.cluster.owners = {"acme": self.a.url}
        claims = {"X-Waggle-Cluster": SECRET, "X-Waggle-Hop": "1", "X-Waggle-Owner": "http://evil", "apikey": "k"}
        for path in ("/", "/message/sendText/acme", "/socket.io/"):
            self.nginx.ask("POST", path, b"{}", claims)
        for _, path, headers, _ in self.a.requests + self.b.requests:
            self.assertEqual([name for name in headers if name.lower().startswith("x-waggle")], [], path)
            self.assertEqual(headers["apikey"], "k")

    def test_the_lookup_carries_no_header_of_the_client(self):
        self.nginx.ask("GET", "/settings/find/acme", headers={"apikey": "k", "Authorization": "Bearer k"})
        [(_, headers)] = self.cluster.located
        self.assertNotIn("apikey", headers)
        self.assertNotIn("Authorization", headers)

    def test_nodes_are_told_who_asks(self):
        self.cluster.owners = {"acme": self.a.url}
        sent = {"Host": "api.example.com", "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https",
                "X-Request-Id": "order-17"}
        for path in ("/settings/find/acme", "/settings/find/unknown"):
            self.nginx.ask("GET", path, headers=sent)
        for _, _, headers, _ in self.a.requests + self.b.requests:
            self.assertEqual(headers["X-Forwarded-For"], "203.0.113.7, 127.0.0.1")
            self.assertEqual(headers["X-Forwarded-Proto"], "https")
            self.assertEqual(headers["X-Request-Id"], "order-17")

    def test_cluster_and_metrics_are_for_those_inside(self):
        for path in ("/metrics", "/metrics/", "/METRICS", "//metrics", "/%6detrics", "/metrics?x=1", "/cluster",
                     "/cluster/locate/acme", "/Cluster/locate/acme", "//cluster//locate/acme",
                     "/x/../cluster/locate/acme", "/cluster%2Flocate%2Facme", "/a/b/../../metrics"):
            headers = {"X-Waggle-Cluster": SECRET}
            self.assertEqual(self.nginx.ask("GET", path, headers=headers)[0], 404, path)
        self.assertEqual((self.cluster.located, self.a.requests, self.b.requests), ([], [], []))

    def test_the_log_has_no_query_and_no_key(self):
        self.nginx.ask("GET", "/chat/findChats/acme?apikey=in-the-query", headers={"apikey": "in-a-header"})
        # A failure, which nginx would tell of in its other log.
        self.a.hang_up = self.b.hang_up = True
        self.nginx.ask("GET", "/chat/findChats/acme?apikey=in-the-query", headers={"apikey": "in-a-header"})
        until(lambda: '"status":502' in self.nginx.log.read_text(), "the second request is in the log")
        self.assertNotIn("in-the-query", self.nginx.log.read_text())
        self.assertNotIn("in-a-header", self.nginx.log.read_text())

    def test_the_log_tells_which_node_answered_and_which_did_not(self):
        dead = self.dead_url()
        self.cluster.owners = {"acme": self.b.url, "beta": dead}
        for name in ("acme", "beta"):
            self.nginx.ask("GET", f"/settings/find/{name}", headers={"X-Request-Id": f"ask-{name}"})
        until(lambda: self.nginx.log.read_text().count("ask-") == 3, "three lines of log")
        lines = [json.loads(line) for line in self.nginx.log.read_text().splitlines()]
        [answered] = [line for line in lines if line["request_id"] == "ask-acme"]
        self.assertEqual((answered["owner"], answered["status"]), (f"127.0.0.1:{self.b.port}", 200))
        failed, replaced = sorted((line for line in lines if line["request_id"] == "ask-beta"),
                                  key=lambda line: line["status"], reverse=True)
        self.assertEqual((failed["node"], failed["status"]), (dead.removeprefix("http://"), 503))
        self.assertEqual(replaced["status"], 200)

    def test_clients_do_not_see_where_nodes_are(self):
        self.cluster.owners = {"acme": self.a.url}
        for path in ("/settings/find/acme", "/settings/find/unknown", "/"):
            self.assertNotIn("x-waggle-owner", [name.lower() for name in self.nginx.headers("GET", path)])

    def test_nginx_starts_again_after_it_was_killed(self):
        # Its workers outlive a killed master by design; they are ended by their own id.
        children = pathlib.Path(f"/proc/{self.nginx.process.pid}/task/{self.nginx.process.pid}/children")
        workers = [int(one) for one in children.read_text().split()]
        self.nginx.process.kill()
        self.nginx.process.wait(10)
        for worker in workers:
            os.kill(worker, 9)
        self.nginx.start()
        self.assertEqual(self.nginx.ask("GET", "/")[0], 200)


if __name__ == "__main__":
    unittest.main()
