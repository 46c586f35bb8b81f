"""A receiver of webhooks on loopback: notes what came, and answers what it is told to."""

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Received:
    path: str
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Reply:
    status: int = 200
    body: object = b""
    headers: dict = field(default_factory=dict)
    # seconds before the answer; a slow one sends a byte every so often instead
    after: float = 0
    drips: bool = False


class Sink:
    def __init__(self):
        self.received = []
        self.replies = []
        self.always = Reply()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                sink.received.append(Received(self.path, headers, body))
                sink.answer(self, sink.replies.pop(0) if sink.replies else sink.always)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/hook"

    def answer(self, request, reply):
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        time.sleep(reply.after)
        try:
            request.send_response(reply.status)
            for name, value in reply.headers.items():
                request.send_header(name, value)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            for byte in body if reply.drips else [body]:
                request.wfile.write(bytes([byte]) if reply.drips else byte)
                request.wfile.flush()
                if reply.drips:
                    time.sleep(0.05)
        except OSError:
            return  # whoever asked has hung up

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
