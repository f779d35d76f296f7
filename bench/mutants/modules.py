"""The deciding modules, and the tests of each that need no server: the most telling ones first."""

from bench.mutants.changes import ROOT

_CALL = (
    "guards/test_small_decisions.py",
    "guards/test_two_decisions.py",
    "guards/test_two_facts.py",
    "unit/test_lifecycle.py",
    "unit/test_guards.py",
    "unit/test_consent.py",
    "unit/test_consent_at.py",
    "unit/test_consent_properties.py",
    "unit/test_presence.py",
    "unit/test_late_joiners.py",
    "unit/test_deadlines.py",
    "unit/test_deletion_marks.py",
    "unit/test_alarms.py",
    "unit/test_alarm_ends.py",
    "unit/test_callbacks.py",
    "unit/test_chunks.py",
    "unit/test_false_evidence.py",
    "unit/test_given_up.py",
    "unit/test_late_word.py",
    "unit/test_legal_holds.py",
    "unit/test_pauses.py",
    "unit/test_recording_events.py",
    "unit/test_refusals.py",
    "unit/test_results.py",
    "unit/test_signal_times.py",
    "unit/test_silence.py",
    "unit/test_takeover.py",
)
_LIVES = (
    "simulation/test_handing_over.py",
    "simulation/test_due.py",
    "simulation/test_truth.py",
    "simulation/test_lives.py",
)
"""Last, as they take some seconds: all that a changed decision may lead to."""

_CALL_MODULES = (
    *(
        "acs_answers",
        "alarm_ends",
        "alarm_records",
        "alarms",
        "callbacks",
        "chunks",
        "commands",
        "consent",
        "consent_gate",
    ),
    *("consent_holds", "deadlines", "deletion_marks", "file_events", "given_up", "guards"),
    *("intervals", "late_joiners", "late_word", "legal_holds", "lifecycle", "pauses"),
    *("presence", "recording_events", "recording_state", "refusals", "repeats"),
    *("request_records", "results", "signal_times", "silence", "state_limits", "takeover"),
    "unconfirmed",
)

_ARCHIVE = (
    "guards/test_known_answers.py",
    "archive/test_chain.py",
    "archive/test_manifest.py",
    "archive/test_verify.py",
    "archive/test_proof.py",
    "archive/test_late_events.py",
    "archive/test_duties.py",
)
_PROOF = ("archive/test_es256.py", "archive/test_shortening.py", *_ARCHIVE)

_OTHERS: dict[str, tuple[str, ...]] = {
    "workflows/activity_errors.py": ("guards/test_retries.py", "unit/test_activity_errors.py"),
    "callvault/acs/signing.py": ("acs/test_signing.py", "guards/test_known_answers.py"),
    "callvault/archive/manifests/chain.py": _ARCHIVE,
    "callvault/archive/manifests/documents.py": _ARCHIVE,
    "callvault/archive/manifests/es256.py": _PROOF,
    "callvault/archive/manifests/keys.py": _PROOF,
    "callvault/archive/verify/told_links.py": ("archive/test_told_links.py", *_PROOF),
    "callvault/archive/manifests/numbered.py": ("archive/test_access_log.py", *_ARCHIVE),
    "callvault/archive/manifests/late_events.py": ("archive/test_late_events.py", *_ARCHIVE),
    "callvault/archive/manifests/service_account.py": (
        "archive/test_service_account_bounds.py",
        "archive/test_service_account.py",
        "guards/test_small_decisions.py",
    ),
    "callvault/archive/verify/erased.py": ("archive/test_erased.py", "archive/test_holds.py"),
    "callvault/retention/decision.py": ("retention/test_decision.py",),
    "callvault/header_values.py": ("unit/test_header_values.py", "acs/test_errors.py"),
    "callvault/ingest/router.py": ("guards/test_two_facts.py", "guards/test_small_decisions.py"),
    "callvault/reconcile/verdicts.py": ("unit/test_reconcile.py",),
}


def _own(path: str) -> list[str]:
    """Return the tables of a module's decisions, which have its name."""
    name = path.rpartition("/")[2].removesuffix(".py")
    tests = ROOT / "tests"
    found = [*tests.glob(f"decisions/test_{name}.py"), *tests.glob(f"decisions/test_{name}__*.py")]
    return [str(file.relative_to(tests)) for file in sorted(found)]


_TABLES = [table for name in _CALL_MODULES for table in _own(name)]
"""Those of all modules of a call: one of them may be the first to see what another decides."""

_DECIDING = {
    **{f"workflows/call/{name}.py": (*_TABLES, *_CALL, *_LIVES) for name in _CALL_MODULES},
    **_OTHERS,
}

MODULES = {path: tuple(dict.fromkeys((*_own(path), *tests))) for path, tests in _DECIDING.items()}
"""Each deciding module with the tests below `tests` that are to notice its changes.

What a loop of `workflows/loops` decides needs Temporal to be seen: `python -m bench.simulation
--mutants` changes those, line by line.
"""

QUICK = "not without_end and not outlives_the_limits"
"""Which of their tests are run: two that fill a state up to its limits take seconds each."""
