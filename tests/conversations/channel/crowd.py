"""Clients that post to an entrance without pause, and remember what they were told."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Self

from tests.conversations.channel.conftest import PATH, SECRET, sign


def connect(port: int) -> http.client.HTTPConnection:
    """Return a client of a server on this machine."""
    return http.client.HTTPConnection("127.0.0.1", port, timeout=15)


class Crowd:
    """Some clients that post one body after the other until they are told to stop."""

    def __init__(self, port: int, body: Callable[[str], bytes], *, secret: str = SECRET, clients: int = 8) -> None:
        self.port = port
        self.body = body
        self.secret = secret
        self.answers: dict[bytes, int] = {}
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._post, args=[name], daemon=True) for name in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)

    def until(self, accepted: int) -> None:
        """Wait until so many were answered 200."""
        deadline = time.monotonic() + 30
        while self.count(200) < accepted:
            assert time.monotonic() < deadline, self.answers
            time.sleep(0.01)

    def accepted(self) -> set[bytes]:
        """Return what was answered 200."""
        return {raw for raw, status in dict(self.answers).items() if status == 200}

    def count(self, status: int) -> int:
        """Return how many were answered so."""
        return list(dict(self.answers).values()).count(status)

    def _post(self, name: int) -> None:
        with closing(connect(self.port)) as client:
            self._post_by(client, name)

    def _post_by(self, client: http.client.HTTPConnection, name: int) -> None:
        for index in range(100_000):
            if self._stop.is_set():
                return
            raw = self.body(f"{name}.{index}")
            headers = {"Content-Type": "application/json", "X-Hub-Signature-256": sign(raw, self.secret)}
            try:
                client.request("POST", PATH, raw, headers)
                response = client.getresponse()
                response.read()
                self.answers[raw] = response.status
            except (http.client.HTTPException, OSError):
                client.close()
                time.sleep(0.02)
