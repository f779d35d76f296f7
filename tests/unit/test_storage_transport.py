"""The storage SDK's requests are sent as they are, with what the environment says of the way."""

from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.pipeline.transport import HttpRequest
from requests.adapters import HTTPAdapter

from callvault.azure_storage.transport import bounded_transport

URL = "https://acme.blob.core.windows.net/box/a%20b.mp4?comp=block&sig=a%2Bb%3D"
SIGNED = {"Authorization": "SharedKey acme:c2VjcmV0", "x-ms-version": "2026-04-06"}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, dict[str, Any]]]:
    """Requests as the network would get them, and the options of each."""
    requested: list[tuple[Any, dict[str, Any]]] = []

    def send(self: Any, request: Any, **options: Any) -> requests.Response:
        requested.append((request, options))
        answer = requests.Response()
        answer.status_code, answer._content, answer.raw = 201, b"", requests.Request()
        return answer

    monkeypatch.setattr(HTTPAdapter, "send", send)
    return requested


def put(transport: Any, data: Any = None, method: str = "PUT", **headers: str) -> None:
    request = HttpRequest(method, URL, headers={**SIGNED, **headers}, data=data)
    assert transport.send(request).status_code == 201


def test_a_request_is_sent_as_the_sdk_has_made_it(sent: list[Any]) -> None:
    block = memoryview(bytearray(1000))
    with bounded_transport(read_timeout=60, connection_timeout=10) as transport:
        put(transport, block, **{"Content-Length": "1000"})
    request, options = sent[0]
    assert (request.method, request.url) == ("PUT", URL)
    assert request.body is block, "no copy of it"
    assert dict(request.headers) == {**SIGNED, "Content-Length": "1000"}
    assert options["timeout"] == (10, 60)


def test_a_request_without_a_body_says_so(sent: list[Any]) -> None:
    with bounded_transport() as transport:
        put(transport)
        put(transport, b"")
        put(transport, method="GET")
        put(transport, "text")
    lengths = [request.headers.get("Content-Length") for request, _ in sent]
    assert lengths == ["0", "0", None, "4"]


def test_the_environment_is_read_once_for_each_host(
    sent: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine acme.blob.core.windows.net login eve password no")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/company.pem")
    with bounded_transport() as transport:
        put(transport)
        monkeypatch.delenv("HTTPS_PROXY")
        put(transport)
        for request, options in sent:
            assert options["proxies"]["https"] == "http://proxy.example:3128"
            assert options["verify"] == "/etc/ssl/company.pem"
            assert request.headers["Authorization"] == SIGNED["Authorization"]
    with bounded_transport() as transport:
        put(transport)
    assert "https" not in sent[-1][1]["proxies"]
