"""A cheap client: the machine that it loads is also the one it runs on, so it takes as little of it as it can."""

import json
import random
import socket
import threading
import time

PROCESSES, CONNECTIONS = 2, 4


def by_nick(number):
    return {"nick": f"nick{number}"}


def by_all(number):
    """All identifiers that a storefront may tell."""
    contacts = {"phone": phone(number), "email": f"buyer{number}@example.com", "address": address(number)}
    return {"nick": f"nick{number}", "external_id": f"{number}", **contacts, "order_number": "1", "amount": "19.90"}


def by_all_of_banned(number):
    """The same of a customer who is banned: one in twenty is."""
    return by_all(number - number % 20 + 19)


def phone(number):
    return f"139{number:08d}"


def address(number):
    return f"上海市静安区南京西路{number}号301室"


def run(port, path, key, question, customers, seconds, seed):
    """Ask over a few kept connections for so long, about random customers; return the answers per second."""
    counts = []
    threads = [
        threading.Thread(
            target=_ask, args=(port, _requests(path, key, question, customers, f"{seed}.{number}"), seconds, counts)
        )
        for number in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(counts) < CONNECTIONS:
        raise RuntimeError(f"{path} did not answer 200 to all")
    return sum(counts) / seconds


def _requests(path, key, question, customers, seed):
    dice = random.Random(seed)
    return [_request(path, key, question(dice.randrange(customers))) for _ in range(2_000)]


def _request(path, key, body):
    body = json.dumps(body)
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def _ask(port, requests, seconds, counts):
    count, end = 0, time.perf_counter() + seconds
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while time.perf_counter() < end:
            connection.sendall(requests[count % len(requests)])
            if not _answer(connection).startswith(b"HTTP/1.1 200 "):
                return
            count += 1
    counts.append(count)


def _answer(connection):
    answer = connection.recv(65_536)
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65_536)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65_536)
    return head
