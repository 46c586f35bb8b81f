"""A bare SMTP server on loopback that takes everything and keeps nothing: it costs as little as one can."""

import asyncio
import sys


class Taker(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.buffer = b""
        self.is_data = False
        transport.write(b"220 sink\r\n")

    def data_received(self, data):
        self.buffer += data
        while True:
            end = b"\r\n.\r\n" if self.is_data else b"\r\n"
            found = self.buffer.find(end)
            if found < 0:
                return
            line, self.buffer = self.buffer[:found], self.buffer[found + len(end) :]
            if self.is_data:
                self.is_data = False
                self.transport.write(b"250 OK\r\n")
                continue
            command = line[:4].upper()
            self.is_data = command == b"DATA"
            self.transport.write({b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}.get(command, b"250 OK\r\n"))


async def main(port):
    server = await asyncio.get_running_loop().create_server(Taker, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main(int(sys.argv[1])))
