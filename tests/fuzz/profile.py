"""Length of the fuzz: short and always the same in `make test`, as long as wanted by hand."""

import os

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("FUZZ_TIMES", "1"))
"""Examples for each one of the short form. Above 1, every run draws others."""


def fuzz(examples: int) -> settings:
    """Return the settings of a test that draws so many examples in the short form."""
    return settings(
        max_examples=examples * TIMES,
        derandomize=TIMES == 1,
        deadline=None,
        print_blob=True,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.large_base_example,
        ],
    )
