"""The reading of manifests."""

from datetime import UTC, datetime

from bench.listen.evidence import claims

MANIFEST = {
    "silence": {
        "silent": [
            {
                "since": "2026-01-01T00:00:01Z",
                "until": "2026-01-01T00:00:02.500000Z",
                "proof": "read",
            },
            {"since": "2026-01-01T00:00:05Z", "until": None, "proof": "ended"},
        ],
        "unconfirmed": [
            {"since": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:00:01Z", "reason": "asked"}
        ],
    },
    "marked": [{"since": "2026-01-01T00:00:00Z", "until": None, "participant": "x"}],
}
ZERO = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def test_a_manifest_claims_silence_and_marks_the_rest() -> None:
    silent, marked = claims(MANIFEST)

    assert [(each.since - ZERO, each.until - ZERO, each.why) for each in silent] == [
        (1, 2.5, "read"),
        (5, float("inf"), "ended"),
    ]
    assert [(each.since - ZERO, each.until - ZERO) for each in marked] == [
        (0, 1),
        (0, float("inf")),
    ]
