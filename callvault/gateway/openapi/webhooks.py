"""The webhooks of the OpenAPI document: what a worker sends, and how it takes the answer."""

from typing import Any

from callvault.contracts.recording_events import EventKind


def _header(name: str, description: str, example: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": {"type": "string"},
        "example": example,
    }


_KINDS = ", ".join(f"`{kind}`" for kind in EventKind)

WEBHOOKS: dict[str, Any] = {
    "recordingEvent": {
        "post": {
            "tags": ["webhooks"],
            "operationId": "recordingEvent",
            "summary": "Learn what becomes of a recording",
            "description": (
                "Sent to a resource's `webhook_url`, and to the `webhookUrl` of a request, when a"
                f" recording is {_KINDS}. It comes at least once: an `id` that is known already is"
                " to be answered 2xx, and ignored. Events may overtake each other: of one call the"
                " higher `sequence` is the later one. `docs/webhooks.md` of the project has a"
                " receiver."
            ),
            "security": [],
            "parameters": [
                _header(
                    "webhook-id",
                    "The `id` of the event",
                    "recording-4dc6fac55f8b05f7a7d4b3ebba4d5c1e/stopped/5f1c0a52d8b64c1b9f3f",
                ),
                _header("webhook-timestamp", "Unix time of this attempt, in seconds", "1898588520"),
                _header(
                    "webhook-signature",
                    "Signatures over `id.timestamp.body`, one for each secret, with spaces between",
                    "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
                ),
            ],
            "requestBody": {
                "required": True,
                "content": {
                    "application/cloudevents+json": {
                        "schema": {"$ref": "#/components/schemas/RecordingCloudEvent"}
                    }
                },
            },
            "responses": {
                "2XX": {"description": "It is taken, and not sent again"},
                "default": {"description": "It is sent again, later; redirects are not followed"},
            },
        }
    }
}
