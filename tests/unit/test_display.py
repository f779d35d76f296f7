"""What an operator sees of consent in the Web UI."""

from workflows import display

from .call import Call, hashed


def details(call: Call) -> str:
    return display.of(call.life.status).details


def test_what_is_missing_and_who_has_decided_is_shown_without_a_name() -> None:
    call = Call(consent_policy="all_parties", participants=[hashed("ana"), hashed("ben")])
    call.agrees("ana", method="spoken", evidence="line 1\nline 2 | column")
    shown = details(call)
    assert "awaiting consent" in shown
    assert f"1 of 2 in the call have not agreed: {hashed('ben')[:8]}" in shown
    assert f"| {hashed('ana')[:8]}… | given | spoken | line 1 line 2 / column |" in shown


def test_what_is_to_be_deleted_and_what_was_declined_is_shown() -> None:
    call = Call(
        consent_policy="any_party",
        participants=[hashed("ana")],
        on_withdrawal="pause_and_mark",
    )
    call.agrees("ana")
    call.confirms("start", "confirm")
    call.withdraws("ana")
    assert "**to be deleted by you**" in details(call)
    declined = Call(consent_policy="any_party")
    declined.confirms("start")
    declined.ends()
    declined.confirms("stop")
    assert "declined: it ended without consent: nobody who is known" in details(declined)
