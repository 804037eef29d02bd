"""A steady load that writes down every answer, and what is read back from it.

As a program, on the host beside the cluster: load.py ADDRESS:PORT EXPECTED.json OUT.tsv [--kept R] [--fresh R] [--connections N]
asks R times a second over N connections that it keeps, and R times a second over a connection of its own each, until its stdin
ends. Requests keep to a schedule whatever the answers do, and a latency counts from when its request was due.

EXPECTED is {user: {bundle's name: digest of its titles}}: an answer is labelled by the bundles it is the whole answer of; one that
is no bundle's is "mixed"."""
import argparse
import asyncio
import collections
import contextlib
import hashlib
import itertools
import json
import os
import pathlib
import sys
import time

PATIENCE = 10  # seconds that an answer may take

Answer = collections.namedtuple("Answer", "start milliseconds mode port outcome degraded label")


def digest(titles):
    return hashlib.sha256(json.dumps(titles).encode()).hexdigest()[:16]


class Load:
    def __init__(self, address, expected, out):
        self.host, port = address.rsplit(":", 1)
        self.port = int(port)
        self.expected = expected
        self.users = itertools.cycle(sorted(expected))
        self.out = out
        self.stopping = asyncio.Event()

    def label(self, user, body):
        try:
            answer = json.loads(body)
            found = digest(answer["recommendations"][0])
        except (ValueError, KeyError, IndexError):
            return "unreadable"
        if answer["user_id"] != [user]:
            return "another-user"
        return "+".join(name for name, value in sorted(self.expected[user].items()) if value == found) or "mixed"

    async def exchange(self, stream, user, last):
        """(status, degraded, label, whether the server keeps the connection)"""
        reader, writer = stream
        close = "Connection: close\r\n" if last else ""
        writer.write(f"GET /recommend/{user} HTTP/1.1\r\nHost: {self.host}\r\n{close}\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        status = head[0].split()[1]
        label = self.label(user, body) if status == "200" else "none"
        return status, headers.get("x-tandem-degraded", ""), label, headers.get("connection", "") != "close" and not last

    async def ask(self, stream, due, mode):
        """Asks once, over this connection or a new one; the connection that may be used again, or None."""
        user = next(self.users)
        port, status, degraded, label, keep = 0, "connect", "", "none", False
        try:
            async with asyncio.timeout(PATIENCE):
                if stream is None:
                    stream = await asyncio.open_connection(self.host, self.port)
                port = stream[1].get_extra_info("sockname")[1]
                status = "exchange"
                status, degraded, label, keep = await self.exchange(stream, user, mode == "fresh")
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            status += ":" + type(error).__name__
        milliseconds = (time.time() - due) * 1000
        print(f"{due:.4f}", f"{milliseconds:.2f}", mode, port, status, degraded, label, sep="\t", file=self.out)
        if stream is not None and not keep:
            stream[1].close()
            return None
        return stream

    async def until(self, due):
        """Whether to go on at that time."""
        try:
            await asyncio.wait_for(self.stopping.wait(), max(0, due - time.time()))
        except TimeoutError:
            return True
        return False

    async def kept(self, begin, interval):
        stream = None
        for i in itertools.count():
            due = begin + i * interval
            if not await self.until(due):
                return
            stream = await self.ask(stream, due, "kept")

    async def fresh(self, begin, interval):
        asking = set()
        for i in itertools.count():
            due = begin + i * interval
            if not await self.until(due):
                await asyncio.gather(*asking)
                return
            task = asyncio.create_task(self.ask(None, due, "fresh"))
            asking.add(task)
            task.add_done_callback(asking.discard)

    async def run(self, kept, fresh, connections):
        begin = time.time() + 0.1
        tasks = [self.kept(begin + i / kept, connections / kept) for i in range(connections)] if kept else []
        tasks += [self.fresh(begin, 1 / fresh)] if fresh else []
        running = asyncio.gather(*tasks)
        await asyncio.to_thread(sys.stdin.read)
        self.stopping.set()
        await running


class Answers(list):
    """Answer after Answer, in no order."""

    @staticmethod
    def read(path):
        answers = Answers()
        for line in pathlib.Path(path).read_text().splitlines():
            start, milliseconds, *rest = line.split("\t")
            answers.append(Answer(float(start), float(milliseconds), *rest))
        return answers

    def between(self, begin, end):
        return Answers(answer for answer in self if begin <= answer.start < end)

    def failed(self):
        return Answers(answer for answer in self if answer.outcome != "200")

    def degraded(self):
        return Answers(answer for answer in self if answer.degraded)

    def mixed(self):
        """Those that are no bundle's answer."""
        return Answers(answer for answer in self if answer.label in ("mixed", "unreadable", "another-user"))

    def labelled(self, name):
        return Answers(answer for answer in self if name in answer.label.split("+"))

    def percentile(self, share):
        times = sorted(answer.milliseconds for answer in self if answer.outcome == "200")
        return times[min(len(times) - 1, int(len(times) * share))] if times else float("nan")

    def outcomes(self):
        return dict(collections.Counter(answer.outcome for answer in self))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("expected", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--kept", type=float, default=100)
    parser.add_argument("--fresh", type=float, default=50)
    parser.add_argument("--connections", type=int, default=8)
    options = parser.parse_args()
    with contextlib.suppress(PermissionError):
        os.nice(-10)  # on a busy machine it is the servers that may be late, and not the clock of the test
    with options.out.open("w", buffering=1) as out:
        load = Load(options.address, json.loads(options.expected.read_text()), out)
        asyncio.run(load.run(options.kept, options.fresh, options.connections))


if __name__ == "__main__":
    main()
