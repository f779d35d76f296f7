"""Threads of one copy, and the thread that watches over them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Lock, Thread

from callvault.archive.transfer.backoff import Aborted
from callvault.archive.transfer.fetch import Fetcher
from callvault.archive.transfer.watch import Watch

OnProgress = Callable[[int, int | None], None]
"""Called with the bytes done and the bytes in all, None where the source announced no size."""

_REPORT_INTERVAL = 0.25
"""Seconds between two reports."""


class Threads:
    """Threads that end together: the first failure of any of them ends all."""

    def __init__(self) -> None:
        self.stopped = Event()
        """Set once there is nothing to gain any more."""
        self.failure: BaseException | None = None
        self.fetchers: Sequence[Fetcher] = ()
        """Their requests are ended if they stall, or if a thread fails."""
        self._lock = Lock()

    def start(self, name: str, work: Callable[..., None], *arguments: object) -> Thread:
        """Start a thread; what ``work`` raises is a failure, except `Aborted`."""
        # daemons: a copy that hangs must not keep the process from ending
        thread = Thread(target=self._run, name=name, args=(work, *arguments), daemon=True)
        thread.start()
        return thread

    def wait_for(self, threads: Iterable[Thread], report: Callable[[], None]) -> None:
        """Wait until ``threads`` have ended; meanwhile report, and end requests that have stalled.

        ``report`` may raise, which is a failure too.
        """
        for thread in threads:
            while thread.is_alive():
                thread.join(_REPORT_INTERVAL)
                if thread.is_alive():
                    self._watch(report)

    @contextmanager
    def watched_by(self, watch: Watch, report: Callable[[], None]) -> Iterator[Callable[[], None]]:
        """Do the same for the block, whose work is this thread's; yield what reports at once.

        The first failure ends the block and is raised, be it of the block or of ``report``.
        """
        try:
            with watch.over(lambda: self._watch(report)) as look:
                yield lambda: self._now(look)
        except Exception:
            if self.failure is not None:
                raise self.failure from None
            raise

    def _now(self, look: Callable[[], None]) -> None:
        look()
        if self.failure is not None:
            raise Aborted

    def fail(self, error: BaseException) -> None:
        """End all threads because of ``error``, unless an earlier one has."""
        with self._lock:
            self.failure = self.failure or error
        self.stopped.set()
        self._abort()

    def _run(self, work: Callable[..., None], *arguments: object) -> None:
        try:
            work(*arguments)
        except Aborted:
            pass
        except BaseException as error:
            self.fail(error)

    def _watch(self, report: Callable[[], None]) -> None:
        if self.failure is not None:
            self._abort()  # also a request that only now began to wait for its answer
            return
        try:
            report()
        except BaseException as error:
            self.fail(error)
        for fetcher in self.fetchers:
            fetcher.abort_if_stalled()

    def _abort(self) -> None:
        for fetcher in self.fetchers:
            fetcher.abort()
