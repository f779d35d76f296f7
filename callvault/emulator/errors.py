"""The error answers of Call Recording: HTTP status, code and text.

Codes and statuses are those of the service's error list; where only a code is documented, the text
is ours (see docs/emulator-fidelity.md).
"""


class ServiceError(Exception):
    """A request that is answered with this status and error code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def recording_not_found() -> ServiceError:
    return ServiceError(404, "8522", "Recording not found.")


def already_recording() -> ServiceError:
    return ServiceError(400, "8553", "Only one recording of a given type is supported in a call.")


def unknown_call() -> ServiceError:
    return ServiceError(400, "8527", "Invalid join identity, cannot join call.")


def connection_not_found() -> ServiceError:
    return ServiceError(404, "8522", "Call not found.")


def call_ended() -> ServiceError:
    return ServiceError(400, "8528", "The call has ended.")


def no_base64(field: str) -> ServiceError:
    return invalid_argument(f"{field}: The input is not a valid Base-64 string.")


def pause_not_allowed(what: str) -> ServiceError:
    return ServiceError(400, "8573", f"{what} is not allowed in the recording's state.")


def unsupported_storage(kind: str) -> ServiceError:
    return invalid_argument(f"externalStorage.recordingStorageKind {kind!r} is not supported.")


def wrong_format(content: str, channel: str, file_format: str) -> ServiceError:
    return ServiceError(
        400,
        "8557",
        f"recordingFormatType {file_format!r} cannot be combined with recordingContentType "
        f"{content!r} and recordingChannelType {channel!r}.",
    )


def teams_interop() -> ServiceError:
    return ServiceError(401, "7605", "Recording of a Teams interop call is not authorized.")


def invalid_argument(message: str) -> ServiceError:
    return ServiceError(400, "8523", message)


def bad_request(message: str) -> ServiceError:
    return ServiceError(400, "BadRequest", message)


def denied(message: str) -> ServiceError:
    return ServiceError(401, "Denied", message)


def bad_signature(message: str) -> ServiceError:
    return ServiceError(401, "7509", f"HMAC validation error: {message}")


def not_implemented(what: str) -> ServiceError:
    return ServiceError(501, "NotImplemented", f"The emulator does not implement {what}.")
