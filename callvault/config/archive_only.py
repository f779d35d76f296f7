"""The resources that only archive, by the settings as they are now."""

from callvault.config.settings import Settings
from callvault.contracts.archive_only import refusal_of_control
from callvault.errors import CallvaultError, InvalidRequest


def archiving_only(settings: Settings) -> list[str]:
    """Name the resources whose recordings another program controls."""
    return [name for name, resource in settings.resources.items() if resource.archive_only]


def check_control_of(settings: Settings, resource: str) -> None:
    """Raise `InvalidRequest` (409) if a resource's recordings are not to be controlled here."""
    if settings.resource(resource).archive_only:
        raise InvalidRequest(refusal_of_control(resource), status=409, code="refused")


def check_any_control(settings: Settings) -> None:
    """Raise the same if no resource's recordings are: then it does not matter whose call it is.

    Where only some are, the call's workflow, which knows its resource, refuses.
    """
    names = archiving_only(settings)
    if names and len(names) == len(settings.resources):
        check_control_of(settings, names[0])


def may_be_begun(settings: Settings, resource: str) -> bool:
    """Tell if a call of this resource may be begun to be kept for what is told of consent."""
    return resource in settings.resources and not settings.resource(resource).archive_only


def explain_unkept(settings: Settings, resource: str, error: CallvaultError) -> CallvaultError:
    """Replace the error for an unknown call if it is said to be one that is only archived.

    Only then: a call that is kept has the resource of its own workflow, whatever a caller says.
    """
    if error.code == "not_found" and resource in archiving_only(settings):
        return InvalidRequest(refusal_of_control(resource), status=409, code="refused")
    return error


def explain_unknown(settings: Settings, error: CallvaultError) -> CallvaultError:
    """Add to the error for an unknown call that it may be one that is only archived.

    Such a call has no workflow before its first event, and so no resource that is known.
    """
    names = archiving_only(settings)
    if not names or error.code != "not_found":
        return error
    return InvalidRequest(
        f"{error}. If it is a call of {' or '.join(names)}: {refusal_of_control(names[0])}",
        status=error.status,
        code=error.code,
    )


def describe_archiving(settings: Settings) -> str:
    """Say which resources only archive, and what that depends on; empty where none does."""
    if not (names := archiving_only(settings)):
        return ""
    word = "only archives" if len(names) == 1 else "only archive"
    another = (
        "queues or dead letters bring it if the webhook does not"
        if settings.queues or settings.dead_letters
        else "only the webhook brings it: docs/events.md adds another channel"
    )
    return (
        f"{', '.join(names)} {word}: recordings are started and controlled elsewhere. Their Event"
        f" Grid event is all that tells of them, and {another}."
    )
