"""Does an error always say something?"""

from callvault.errors import Unavailable, words_of


def test_an_error_without_words_is_told_by_its_kind() -> None:
    """An alarm whose cause was looked for in vain left `problem=` behind."""
    assert words_of(TimeoutError()) == "TimeoutError"
    assert words_of(Unavailable("it is away")) == "it is away"
