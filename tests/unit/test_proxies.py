"""The environment's proxies, in every spelling that is found: read, or one clear sentence (E1)."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from callvault.acs.client import AcsClient
from callvault.acs.credentials import AccessKey
from callvault.config.settings import Settings
from callvault.config.startup import check_at_start
from callvault.errors import ConfigurationError
from callvault.http_transports import AsyncTransport, Transport
from callvault.proxies import proxy_for
from tests.patience import PROCESS

PROXY = "http://proxy.example:3128"
ACS = "contoso.communication.azure.com"
KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def asked(host: str, no_proxy: str = "", port: int = 443) -> str | None:
    return proxy_for("https", host, port, {"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy})


@pytest.mark.parametrize(
    ("no_proxy", "host"),
    [
        ("localhost,::1,[::1]", "::1"),
        ("[fd00::1]", "fd00::1"),
        ("fd00::/8", "[fd12::7]"),
        ("[fd00::]/8", "fd12::7"),
        ("10.0.0.0/8", "10.7.7.7"),
        ("10.0.0.1/8", "10.7.7.7"),
        ("10.1.2.3", "10.1.2.3"),
        ("*", ACS),
        ("*.azure.com", ACS),
        (".azure.com", ACS),
        ("AZURE.com", ACS),
        ("azure.com.", ACS),
        (f"other, {ACS}:443", ACS),
        (f"other {ACS}", f"{ACS}."),
        (f"https://{ACS}/", ACS),
        ("[fd00::1]:443", "fd00::1"),
        (",,localhost,", "localhost"),
    ],
)
def test_every_form_of_an_exception_is_read(no_proxy: str, host: str) -> None:
    """E1: names, addresses, networks, ports, brackets, blanks."""
    assert asked(host, no_proxy) is None


@pytest.mark.parametrize(
    ("no_proxy", "host"),
    [
        ("", ACS),
        ("azure.com", "notazure.com"),
        ("10.0.0.0/8", "11.0.0.1"),
        ("10.0.0.0/8", ACS),
        ("fd00::/8", "fe80::1"),
        (f"{ACS}:8443", ACS),
        ("localhost,::1,[::1]", ACS),
    ],
)
def test_what_is_no_exception_goes_by_the_proxy(no_proxy: str, host: str) -> None:
    """E1: an exception covers what it names and no more."""
    assert asked(host, no_proxy) == PROXY


@pytest.mark.parametrize("entry", ["fd00::/999", "10.0.0.0/99", "a b/c", "[::1", "[x]", "h:port"])
def test_an_exception_that_cannot_be_read_is_named(entry: str) -> None:
    """E1: in one sentence, wherever it stands."""
    with pytest.raises(ConfigurationError, match=r"NO_PROXY: .* is no host, address or network"):
        asked(ACS, f"*,{entry}".replace(" ", "\\"))


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({"ALL_PROXY": PROXY}, PROXY),
        ({"all_proxy": PROXY, "HTTPS_PROXY": "http://better:1"}, "http://better:1"),
        ({"HTTPS_PROXY": "proxy.example:3128"}, PROXY),
        ({"HTTPS_PROXY": " "}, None),
        ({"HTTP_PROXY": PROXY}, None),
        ({}, None),
    ],
)
def test_the_nearest_variable_counts(environment: Mapping[str, str], proxy: str | None) -> None:
    assert proxy_for("https", ACS, 443, environment) == proxy


@pytest.mark.parametrize(
    "value",
    [
        "socks5h://user:hush@proxy:1080",
        "socks4://p:1",
        "http://",
        "http://p:x",
        "http://[::1",
        "ftp://p:1",
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(value: str) -> None:
    """E1: SOCKS above all."""
    with pytest.raises(ConfigurationError, match="ALL_PROXY names no proxy that can be") as said:
        proxy_for("https", ACS, 443, {"ALL_PROXY": value})
    assert "hush" not in str(said.value)
    assert proxy_for("https", ACS, 443, {"ALL_PROXY": value, "NO_PROXY": "*"}) is None
    assert proxy_for("https", "127.0.0.1", 443, {"ALL_PROXY": value}) is None


@pytest.fixture(
    params=[{"NO_PROXY": "localhost,::1,[::1],fd00::/8"}, {"ALL_PROXY": "socks5h://p:1"}]
)
def odd(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        for variable in (name, name.lower()):
            monkeypatch.delenv(variable, raising=False)
    for name, value in request.param.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("odd")
def test_no_client_ends_at_an_odd_environment() -> None:
    """E1: clients are made, and what needs no proxy is asked."""
    AcsClient("http://127.0.0.1:1", AccessKey(KEY)).close()
    with httpx.Client(transport=Transport()) as http, pytest.raises(httpx.ConnectError):
        http.get("http://127.0.0.1:1/")


@pytest.mark.usefixtures("odd")
async def test_no_client_of_asyncio_ends_at_an_odd_environment() -> None:
    """E1: the gateway's, which fetches keys of tokens."""
    async with httpx.AsyncClient(transport=AsyncTransport()) as http:
        with pytest.raises(httpx.ConnectError):
            await http.get("http://127.0.0.1:1/")


OIDC_THROUGH_NO_PROXY = {
    "issuer": "https://[::1",
    "configuration_url": "https://id.azure.com",
    "audience": "a",
}


def test_a_process_says_at_its_start_what_it_cannot_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """E1: not when the first request fails."""
    resource = {"endpoint": f"https://{ACS}", "credential": {"access_key": "env:K"}}
    archives = {"main": {"kind": "directory", "path": "/archive"}}
    settings = Settings.model_validate({"resources": {"default": resource}, "archives": archives})
    monkeypatch.setenv("ALL_PROXY", "socks5h://p:1")
    for name in ("HTTPS_PROXY", "https_proxy", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match="ALL_PROXY names no proxy"):
        check_at_start(settings)
    monkeypatch.setenv("NO_PROXY", "azure.com")
    check_at_start(settings)
    # The issuer's documents are fetched from the one; the other is a name, and any text.
    oidc = {"issuer": "https://[::1", "configuration_url": "https://id.example", "audience": "a"}
    check_at_start(Settings.model_validate({"gateway": {"oidc": OIDC_THROUGH_NO_PROXY}}))
    with pytest.raises(ConfigurationError, match="ALL_PROXY names no proxy"):
        check_at_start(Settings.model_validate({"gateway": {"oidc": oidc}}))


def test_no_client_of_ours_reads_the_environment_by_itself() -> None:
    """E1: a new client takes the transports of `callvault.http_transports`, or none of it."""
    root = Path(__file__).parents[2]
    files = [
        file
        for part in ("callvault", "workers", "activities")
        for file in (root / part).rglob("*.py")
    ]
    made = [
        (file.name, line.strip())
        for file in files
        for line in file.read_text("utf-8").splitlines()
        if "httpx.Client(" in line or "httpx.AsyncClient(" in line
    ]
    own = [each for each in made if "trust_env=False" not in each[1] and "ransport" not in each[1]]
    assert [name for name, _ in own] == ["client.py"], "of ACS: its next line names the transport"


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"ALARM_SECRET": "no base64!"}, "the secret of the webhook is not base64"),
        ({"ALARM_SECRET": "whsec_"}, "the secret of the webhook is not base64"),
    ],
)
@pytest.mark.parametrize("command", [("alarms", "test"), ("worker",), ("gateway",)])
def test_a_secret_that_is_no_base64_is_told_in_a_sentence(
    variables: Mapping[str, str], sentence: str, command: tuple[str, ...]
) -> None:
    """E4: by `alarms test`, and by a process when it starts."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CALLVAULT_", "TEMPORAL_"))}
    settings = {
        "ALARM_URL": "http://127.0.0.1:1/",
        "CALLVAULT_ALARMS__WEBHOOK_URL": "env:ALARM_URL",
        "CALLVAULT_ALARMS__WEBHOOK_SECRET": "env:ALARM_SECRET",
    }
    done = subprocess.run(
        [sys.executable, "-m", "callvault", *command],
        env=kept | settings | dict(variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=PROCESS,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert sentence in said
    assert "Traceback" not in said
    assert variables["ALARM_SECRET"] not in said.replace("whsec_ and", "")
