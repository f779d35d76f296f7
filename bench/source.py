"""A server of files of any size with little CPU cost: the source of the copiers.

``/<size>``, ``/<name>-<size>.mp4`` and ``/v1/objects/<name>-<size>/content/video``, as the service
writes it, are files of that many bytes. Its content is a function of the seed and the position,
has a period that no block size divides, and is made once: serving the file costs only the kernel's
copy.
"""

import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Lock

from bench.http_server import Request, parser, run

PERIOD = 16 * 1024 * 1024 + 4_099
CHUNK_SIZE = 256 * 1024
_SIZE = re.compile(r"/(?:v1/objects/)?(?:[0-9]+-)?(?P<size>[0-9]+)(?:\.mp4|/content/video)?")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


def pattern(seed: int) -> memoryview:
    """Make one period of the content."""
    return memoryview(random.Random(seed).randbytes(PERIOD))


def pieces(
    content: memoryview, start: int, end: int, piece: int = CHUNK_SIZE
) -> Iterator[memoryview]:
    """Yield the bytes from ``start`` up to ``end``."""
    while start < end:
        inside = start % PERIOD
        taken = min(end - start, piece, PERIOD - inside)
        yield content[inside : inside + taken]
        start += taken


@dataclass
class Source:
    content: memoryview
    rate: float = 0.0
    """Bytes a second on each connection; 0 for no limit."""
    latency: float = 0.0
    """Seconds before each answer."""
    served: int = 0
    """Bytes of bodies sent so far; ``/served`` returns the number."""
    _lock: Lock = field(default_factory=Lock)

    def handle(self, request: Request) -> None:
        if request.path == "/served":
            request.answer(200, {}, str(self.served).encode())
            return
        time.sleep(self.latency)
        named = _SIZE.fullmatch(request.path)
        assert named is not None, f"no file: {request.path}"
        size = int(named["size"])
        found = _RANGE.fullmatch(
            request.headers.get("range") or request.headers.get("x-ms-range", "")
        )
        start = int(found[1]) if found else 0
        end = min(int(found[2]) + 1, size) if found and found[2] else size
        request.begin(206 if found else 200, _headers(start, end, size, partial=bool(found)))
        if request.method == "GET":
            self._send(request, start, end)

    def _send(self, request: Request, start: int, end: int) -> None:
        began, sent = time.monotonic(), 0
        for piece in pieces(self.content, start, end):
            request.connection.socket.sendall(piece)
            sent += len(piece)
            with self._lock:
                self.served += len(piece)
            if self.rate:
                time.sleep(max(0.0, began + sent / self.rate - time.monotonic()))


def _headers(start: int, end: int, size: int, *, partial: bool) -> dict[str, str]:
    headers = {
        "Content-Length": str(end - start),
        "Content-Type": "video/mp4",
        "Accept-Ranges": "bytes",
        "ETag": f'"{size:x}"',
        "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
    }
    return headers | ({"Content-Range": f"bytes {start}-{end - 1}/{size}"} if partial else {})


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--rate", type=float, default=0.0, help="MiB/s on each connection")
    arguments.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    given = arguments.parse_args()
    run(Source(pattern(given.seed), given.rate * 1024 * 1024, given.latency).handle)


if __name__ == "__main__":
    main()
