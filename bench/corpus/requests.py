"""The requests that the Azure SDK sends, counted by method."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from azure.core.pipeline.transport import RequestsTransport


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count every request of this process while the block runs; lists apart from other reads."""
    counts: Counter[str] = Counter()
    send, lock = RequestsTransport.send, Lock()

    def counting(transport: RequestsTransport, request: Any, **options: Any) -> Any:
        with lock:
            counts["LIST" if "comp=list" in request.url else request.method] += 1
        return send(transport, request, **options)

    RequestsTransport.send = counting
    try:
        yield counts
    finally:
        RequestsTransport.send = send
