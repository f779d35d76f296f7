"""The api-versions that the emulator answers."""

from starlette.requests import Request

from callvault.emulator.errors import ServiceError

STABLE_VERSIONS = (
    "2023-03-06",
    "2023-10-15",
    "2024-04-15",
    "2024-09-15",
    "2025-05-15",
    "2025-06-15",
    "2026-03-12",
)
BETA_VERSIONS = ("2024-11-15-preview", "2025-08-15-preview")
"""Versions of beta SDKs, which record in the same words."""
RESULT_VERSION = "2024-09-01-preview"
"""The only version with the ``result`` operation; it has all the others, too."""
PREVIEW_VERSION = "2021-06-15-preview"


def check_version(request: Request, known: tuple[str, ...]) -> None:
    """Refuse a request that names none of the known versions, as the service does."""
    version = request.query_params.get("api-version")
    if not version:
        raise ServiceError(
            400, "MissingApiVersionParameter", "The query parameter api-version is required."
        )
    if version not in known:
        raise ServiceError(
            400,
            "UnsupportedApiVersionValue",
            f"api-version {version!r} is not supported here; use one of {', '.join(known)}.",
        )
