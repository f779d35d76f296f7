"""Is a scripted fault the same at every attempt?"""

import traceback

from callvault.errors import Unavailable

from .service import ScriptedService


def test_an_error_does_not_grow_with_the_attempts_that_met_it() -> None:
    """Written with all of them, it kept a worker busy for minutes, which took no task meanwhile."""
    service = ScriptedService()
    away = Unavailable("the service is away")
    service.fails("open_content", away, times=1_000)
    lengths = set()
    for _ in range(1_000):
        try:
            service.open_content("https://example.com/1")
        except Unavailable as error:
            lengths.add(len(traceback.extract_tb(error.__traceback__)))
    assert len(lengths) == 1
