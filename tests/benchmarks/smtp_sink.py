"""A bare SMTP server on loopback that takes everything and writes it into a file: `… PORT FILE`.

It costs as little as one can, so that what is measured is the sender. Each message stands as its length and its bytes.
"""

import asyncio
import sys
from pathlib import Path

ANSWERS = {b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}


class Taker(asyncio.Protocol):
    def __init__(self, file):
        self.file, self.buffer, self.is_data = file, b"", False

    def connection_made(self, transport):
        self.transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data):
        self.buffer += data
        while True:
            end = b"\r\n.\r\n" if self.is_data else b"\r\n"
            text, found, rest = self.buffer.partition(end)
            if not found:
                return
            self.buffer = rest
            if self.is_data:
                self.file.write(b"%d\n%s" % (len(text), text))
                self.is_data, answer = False, b"250 OK\r\n"
            else:
                command = text[:4].upper()
                self.is_data, answer = command == b"DATA", ANSWERS.get(command, b"250 OK\r\n")
            self.transport.write(answer)


def messages(path):
    """What the file holds."""
    with path.open("rb") as file:
        while length := file.readline():
            yield file.read(int(length))


async def main(port, path):
    with path.open("wb", buffering=0) as file:
        server = await asyncio.get_running_loop().create_server(lambda: Taker(file), "127.0.0.1", port)
        print("ready", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
