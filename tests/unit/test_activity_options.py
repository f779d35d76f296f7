"""Do the table's figures hold together?"""

from datetime import timedelta

import pytest

from activities import export_metadata as metadata
from workflows import activity_options
from workflows.call import deadlines


@pytest.mark.parametrize(
    ("window", "chance"),
    [
        (timedelta(hours=48), deadlines.LAST_CHANCE_TIMEOUT),
        (timedelta(minutes=5), timedelta(minutes=5)),
        (timedelta(seconds=30), deadlines.MIN_LAST_CHANCE_TIMEOUT),
    ],
)
def test_a_last_chance_is_as_long_as_a_short_window_and_outlives_a_worker(
    window: timedelta, chance: timedelta
) -> None:
    options = activity_options.last_chance_export(
        "last", "default", deadlines.last_chance_timeout(window)
    )
    assert options["schedule_to_close_timeout"] == chance
    assert chance > 2 * deadlines.HEARTBEAT_TIMEOUT


def test_an_export_knows_how_long_its_last_chance_waits_between_two_attempts() -> None:
    retry = activity_options.last_chance_export("last", "default", timedelta(hours=48))[
        "retry_policy"
    ]
    assert retry is not None
    assert retry.maximum_interval == metadata.MAX_WAIT
