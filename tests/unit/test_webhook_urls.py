"""Does a request reach no other receiver than those that an operator has listed?"""

import pytest
from pydantic import ValidationError

from callvault.contracts.requests import RecordingRequest
from callvault.contracts.webhook_urls import refusal_of

LISTED = ("https://crm.example/hooks", "http://127.0.0.1:8000", "https://[2001:db8::1]:8443/a")


@pytest.mark.parametrize(
    "url",
    [
        "https://crm.example/hooks",
        "https://crm.example/hooks/",
        "https://crm.example/hooks/calls/7",
        "https://CRM.example:443/hooks/x",
        "http://127.0.0.1:8000/any/path",
        "https://[2001:db8::1]:8443/a/b",
    ],
)
def test_what_is_listed_is_allowed_with_all_below_it(url: str) -> None:
    request = RecordingRequest(server_call_id="call", webhook_url=url)
    assert refusal_of(request.webhook_url, LISTED, "default") is None


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example/hooks",
        "https://crm.example",
        "https://crm.example/hooksy",
        "https://crm.example/Hooks",
        "https://crm.example:8443/hooks",
        "https://crm.example.evil.example/hooks",
        "https://evil.example/https://crm.example/hooks",
        "http://127.0.0.1/any",
        "http://169.254.169.254/latest/meta-data",
        "http://localhost:8000/any",
    ],
)
def test_what_is_not_listed_is_refused_in_a_sentence_that_does_not_repeat_it(url: str) -> None:
    request = RecordingRequest(server_call_id="call", webhook_url=url)
    refused = refusal_of(request.webhook_url, LISTED, "default")
    assert refused is not None
    assert "resource default does not allow this URL" in refused
    assert url not in refused


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@crm.example/hooks",
        "https://crm.example@evil.example/hooks",
        "https://crm.example/hooks?token=hunter2",
        "https://crm.example/hooks#part",
        "https://crm.example/hooks/../admin",
        "https://crm.example/hooks/./x",
        "https://crm.example/hooks/%2e%2e/admin",
        "https://crm.example\\@evil.example/hooks",
        "https://crm.example/hooks x",
        "https://crm.example/hooks\n",
        "ftp://crm.example/hooks",
        "file:///etc/passwd",
        "//crm.example/hooks",
        "https://",
        "https://crm.example:port/",
        "https://crm.example:99999/",
        "https://[::1/",
        "https://crm.example/" + "a" * 2_048,
        "https://crm.exämple/hooks",
    ],
)
def test_what_two_programs_could_read_in_two_ways_is_no_url(url: str) -> None:
    with pytest.raises(ValidationError):
        RecordingRequest(server_call_id="call", webhook_url=url)
