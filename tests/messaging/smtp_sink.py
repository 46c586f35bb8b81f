"""A real SMTP server on loopback that keeps what it takes, and can be told to misbehave."""

import email
import email.policy
import socket
from contextlib import contextmanager

from aiosmtpd.controller import Controller


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Sink:
    def __init__(self):
        self.port = free_port()
        self.received = []  # pairs of the envelope's recipient and the raw message
        self.connections = 0
        self.refuse_recipient = {}  # address → reply
        self.refuse_message = {}  # address → reply
        self.refuse_sender = ""
        self.drop_at = set()  # counts of messages before whose reply the connection is cut
        self.on_message = None

    async def handle_EHLO(self, server, session, envelope, hostname, responses):  # noqa: N802  (aiosmtpd's name)
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802
        if self.refuse_sender:
            return self.refuse_sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if reply := self.refuse_recipient.get(address):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        (address,) = envelope.rcpt_tos
        if reply := self.refuse_message.get(address):
            return reply
        self.received.append((address, envelope.original_content))
        if len(self.received) in self.drop_at:
            server.transport.close()
        if self.on_message:
            self.on_message()
        return "250 OK"

    def addresses(self):
        return [address for address, _raw in self.received]

    def messages(self):
        return [email.message_from_bytes(raw, policy=email.policy.default) for _address, raw in self.received]

    @contextmanager
    def running(self):
        controller = Controller(self, hostname="127.0.0.1", port=self.port, server_hostname="sink")
        controller.start()
        try:
            yield self
        finally:
            controller.stop()
