import json
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, get_origin

import pytest
from pydantic import BeforeValidator, ValidationError

from callvault.config.error_messages import setting_fields
from callvault.config.policy import resource_policy
from callvault.config.reference import reference
from callvault.config.settings import Settings, load_settings
from callvault.config.storage import DirectorySettings
from callvault.config.types import SecretRef, split
from callvault.contracts.consent import BeforeConsent, ConsentPolicy
from callvault.errors import ConfigurationError
from workers.clients import Connections

ROOT = Path(__file__).resolve().parents[2]
TOPIC = (
    "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Communication/communicationServices/"
)

COMPLETE = """
[resources.europe]
endpoint = "https://europe.communication.azure.com/"
credential = { connection_string = "env:CALLVAULT_EUROPE_SECRET" }

[archives.main]
kind = "directory"
path = "/var/lib/callvault"
"""


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("CALLVAULT_")]:
        monkeypatch.delenv(name)


def written(folder: Path, text: str) -> Path:
    path = folder / "callvault.toml"
    path.write_text(text)
    return path


def resource(**changes: Any) -> dict[str, Any]:
    return {
        "endpoint": "https://acs.example",
        "credential": {"entra": True},
        "archive": "main",
        **changes,
    }


def settings(resources: dict[str, Any], **others: Any) -> Settings:
    archives = {"main": {"kind": "directory", "path": "/a"}}
    return Settings.model_validate({"resources": resources, "archives": archives, **others})


def problem(path: Path | None = None) -> str:
    with pytest.raises(ConfigurationError) as refused:
        load_settings(path)
    return str(refused.value)


def test_nothing_configured_gives_the_defaults() -> None:
    loaded = load_settings()
    assert (loaded.gateway.host, loaded.gateway.port) == ("127.0.0.1", 8080)
    assert loaded.gateway.quarantine.path.is_absolute()


def test_toml_file_is_read_and_the_only_archive_needs_no_naming(tmp_path: Path) -> None:
    loaded = load_settings(written(tmp_path, COMPLETE))
    europe = loaded.resource("europe")
    assert europe.endpoint == "https://europe.communication.azure.com"
    assert europe.export_window == timedelta(hours=48)
    assert europe.api_version == "2026-03-12"
    assert loaded.archive_name("europe") == "main"
    assert loaded.archive("main") == DirectorySettings(
        kind="directory", path=Path("/var/lib/callvault")
    )


def test_the_file_may_be_named_by_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLVAULT_CONFIG", str(written(tmp_path, COMPLETE)))
    assert list(load_settings().resources) == ["europe"]


def test_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLVAULT_RESOURCES__EUROPE__EXPORT_WINDOW", "PT24H")
    monkeypatch.setenv("CALLVAULT_WORKER__METRICS_ADDRESS", "none")
    text = COMPLETE + '[worker]\nmetrics_address = "127.0.0.1:9464"\n'
    loaded = load_settings(written(tmp_path, text))
    assert loaded.resource("europe").export_window == timedelta(hours=24)
    assert loaded.resource("europe").endpoint == "https://europe.communication.azure.com"
    assert loaded.worker.metrics_address is None


def test_everything_can_be_set_by_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "RESOURCES__DEFAULT__ENDPOINT": "http://127.0.0.1:9999",
        "RESOURCES__DEFAULT__CREDENTIAL__ACCESS_KEY": "file:/run/secrets/key",
        "RESOURCES__DEFAULT__CONTENT_HOSTS": "127.0.0.1, media.example",
        "ARCHIVES__BLOB": '{"kind": "azure_blob", "container": "recordings"}',
        "ARCHIVES__BLOB__SAS_URL": "env:SAS",
        "GATEWAY__PORT": "0",
        "GATEWAY__EVENT_SECRETS": '["env:OLD", "env:NEW"]',
        "LOG__LEVEL": "",
    }.items():
        monkeypatch.setenv(f"CALLVAULT_{name}", value)
    loaded = load_settings()
    assert loaded.resource("default").content_hosts == ("127.0.0.1", "media.example")
    assert loaded.gateway.event_secrets == (SecretRef("env:OLD"), SecretRef("env:NEW"))
    assert loaded.gateway.port == 0
    assert loaded.log.level == "info"


@pytest.mark.parametrize("text", ["2d", "48h", "2880m", "172800 s", "PT48H", "P2D"])
def test_durations_are_read_in_both_spellings(text: str) -> None:
    read = settings({"default": resource(export_window=text)})
    assert read.resource("default").export_window == timedelta(hours=48)


@pytest.mark.parametrize("text", ["48", "two days", "0h", "", "-1h", "9" * 30 + "d"])
def test_durations_without_a_clear_meaning_are_refused(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = COMPLETE.replace("\n\n[archives", f'\nexport_window = "{text}"\n\n[archives')
    assert "resources.europe.export_window" in problem(written(tmp_path, extra))


def test_unknown_keys_of_the_file_are_named_with_the_nearest_known_one(tmp_path: Path) -> None:
    text = COMPLETE.replace("endpoint", "endpiont") + "[gatway]\nport = 1\n"
    message = problem(written(tmp_path, text))
    assert "resources.europe.endpiont: is not a setting" in message
    assert "did you mean resources.NAME.endpoint?" in message
    assert "resources.europe.endpoint: is missing" in message
    assert "gatway: is not a setting; did you mean gateway?" in message


def test_unknown_variables_are_named_with_the_nearest_known_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CALLVAULT_LOG__LEVLE", "debug")
    monkeypatch.setenv("CALLVAULT_GATEWAY_PORT", "1")
    message = problem()
    assert "log.levle (from CALLVAULT_LOG__LEVLE): is not a setting; did you mean log.le" in message
    assert "(from CALLVAULT_GATEWAY_PORT): is not a setting" in message


@pytest.mark.parametrize("service", ["CALLVAULT", "CALLVAULT_GATEWAY", "CALLVAULT_WORKER_PORT"])
def test_variables_of_a_service_of_kubernetes_are_no_settings(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in every container of the namespace, and would keep all of ours from starting."""
    of_port = f"{service}_PORT_8080_TCP"
    for name in (
        *(f"{service}_SERVICE_HOST", f"{service}_SERVICE_PORT", f"{service}_SERVICE_PORT_HTTP_API"),
        *(f"{service}_PORT", of_port, f"{of_port}_PROTO", f"{of_port}_PORT", f"{of_port}_ADDR"),
    ):
        monkeypatch.setenv(name, "tcp://10.0.0.7:8080")
    monkeypatch.setenv("CALLVAULT_GATEWAY__PORT", "8081")
    assert load_settings().gateway.port == 8081
    monkeypatch.setenv(f"{service}_PORTS", "1")
    assert problem().count("is not a setting") == 1


def test_variables_that_hold_secrets_are_no_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLVAULT_EUROPE_SECRET", '{"not json')
    monkeypatch.setenv("CALLVAULT_KEY_FOR_APPS", "k")
    monkeypatch.setenv("CALLVAULT_GATEWAY__API_KEYS", "env:CALLVAULT_KEY_FOR_APPS,env:OTHER")
    loaded = load_settings(written(tmp_path, COMPLETE))
    assert loaded.gateway.api_keys[0].resolve() == "k"


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("RESOURCES__EUROPE__ENDPOINT", "http://acs.example", "resources.europe.endpoint"),
        ("RESOURCES__EUROPE__ENDPOINT", "https://u:p@acs.example", "resources.europe.endpoint"),
        ("RESOURCES__EUROPE__ENDPOINT", "https://:hunter2@acs.example", "europe.endpoint"),
        ("RESOURCES__EUROPE__ENDPOINT", "https://@acs.example", "resources.europe.endpoint"),
        ("RESOURCES__EUROPE__ENDPOINT", "https://acs.example:99999", "resources.europe.endpoint"),
        ("RESOURCES__EUROPE__ENDPOINT", "https://acs.example:0", "port from 1 to 65535"),
        ("RESOURCES__EUROPE__ENDPOINT", "https://[::1", "resources.europe.endpoint"),
        ("RESOURCES__EUROPE__ENDPOINT", "https://a host", "resources.europe.endpoint"),
        ("GATEWAY__CALLBACKS__CONFIGURATION_URL", "https://a.example:x/", "port from 1 to"),
        ("RESOURCES__EUROPE__API_VERSION", "2020-01-01", "resources.europe.api_version"),
        ("RESOURCES__EUROPE__TOPIC", "europe", "resources.europe.topic"),
        ("RESOURCES__EUROPE__ARCHIVE", "attic", "known: main"),
        ("RESOURCES__EUROPE__CREDENTIAL__ENTRA", "true", "exactly one of connection_string"),
        ("RESOURCES__EUROPE__CONTENT_HOSTS", "https://a.example/", "content_hosts"),
        ("RESOURCES__BIG_NAME__ENDPOINT", "https://a.example", "resources.big_name"),
        ("ARCHIVES__MAIN__PATH", "here", "archives.main.path"),
        ("ARCHIVES__MAIN__PATH", "~nosuchuser/x", "archives.main.path (from"),
        ("GATEWAY__QUARANTINE", '{"kind": "directory", "path": "/a\\u0000b"}', "without NULs"),
        ("GATEWAY__EVENT_SECRETS", '["file:/a\\u0000b"]', "event_secrets.0"),
        ("ARCHIVES__MAIN__KIND", "tape", "archives.main"),
        ("ARCHIVES__MAIN__CONTAINER", "x", "archives.main.container"),
        ("GATEWAY__PORT", "70000", "gateway.port (from CALLVAULT_GATEWAY__PORT)"),
        ("GATEWAY__HOST", "0.0.0.0", "event_secrets and api_keys"),
        ("GATEWAY__KEYS__CRM__SECRET", "env:A", "gateway.keys.crm.roles: is missing"),
        ("GATEWAY__KEYS", '{"crm": {"secret": "env:A", "roles": []}}', "at least 1 item"),
        ("GATEWAY__KEYS", '{"crm": {"secret": "", "roles": "read"}}', "gateway.keys.crm.secret"),
        ("GATEWAY__KEYS", '{"crm": {"secret": "env:A", "roles": "admin"}}', "'control', 'read'"),
        ("GATEWAY__OIDC__ISSUER", "https://a.example", "gateway.oidc.audience: is missing"),
        ("GATEWAY__CALLBACKS__CONFIGURATION_URL", "http://a.example/x", "https://host"),
        ("GATEWAY__RATE_LIMIT", "100 per second", "100/second"),
        ("GATEWAY__RATE_LIMIT", "0/second", "100/second"),
        ("GATEWAY__QUARANTINE", "/var/lib/quarantine", 'write a table, { kind = "directory"'),
        ("GATEWAY__QUARANTINE__KIND", "azure_blob", "gateway.quarantine.container: is missing"),
        ("GATEWAY__QUARANTINE__KIND", "tape", "'azure_blob', 'directory'"),
        ("GATEWAY__QUARANTINE", '{"kind": "directory", "pfad": "/a"}', "gateway.quarantine.path"),
        ("GATEWAY__QUARANTINE", '{"kind": "directory", "path": "a"}', "gateway.quarantine.path"),
        ("WORKER__METRICS_ADDRESS", "9464", "worker.metrics_address"),
        ("WORKER__METRICS_ADDRESS", "localhost:9464", "write an IP address and a port"),
        ("WORKER__METRICS_ADDRESS", "::1:9464", "write an IP address and a port"),
        ("WORKER__METRICS_ADDRESS", "[::1]:70000", "write an IP address and a port"),
        ("GATEWAY__CALLBACKS__CONFIGURATION_URL", "https://a.example/x?appid=1", "the query"),
        ("GATEWAY__CALLBACKS__CONFIGURATION_URL", "https://a.example/x#y", "the fragment"),
        ("GATEWAY__CALLBACKS__CONFIGURATION_URL", "https://u:hunter2@a.example", "the user name"),
        ("WEB_UI__URL", "http://ui.example?x=hunter2", "web_ui.url (from CALLVAULT_WEB_UI__URL)"),
        ("WEB_UI__URL", "ftp://ui.example", "write https://host or http://host"),
        ("WEB_UI__URL", "http://u:hunter2@ui.example", "without the user name"),
        ("ALARMS__RUNBOOK_URL", "https://wiki.example/p#section", "without the fragment"),
        ("ALARMS__RUNBOOK_URL", "https://u:hunter2@wiki.example/p", "without the user name"),
        ("LOG", "debug", "log"),
    ],
)
def test_wrong_values_are_named(
    name: str, value: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"CALLVAULT_{name}", value)
    told = problem(written(tmp_path, COMPLETE))
    assert named in told
    assert "hunter2" not in told


def test_links_for_people_may_lead_to_any_page(monkeypatch: pytest.MonkeyPatch) -> None:
    page = "http://wiki.example/pages/viewpage.action?pageId=4711"
    monkeypatch.setenv("CALLVAULT_ALARMS__RUNBOOK_URL", page)
    monkeypatch.setenv("CALLVAULT_WEB_UI__URL", "http://temporal-ui:8080/ui/")
    loaded = load_settings()
    assert loaded.alarms.runbook_url == page
    assert loaded.web_ui.url == "http://temporal-ui:8080/ui"


@pytest.mark.parametrize("address", ["[::1]:9464", "[2001:db8::7]:0", "0.0.0.0:9464"])
def test_an_address_to_listen_on_may_be_one_of_ipv6(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLVAULT_WORKER__METRICS_ADDRESS", address)
    assert load_settings().worker.metrics_address == address


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "[" + "9" * 5_000 + "]"], ids=["nested", "many digits"]
)
def test_a_variable_beyond_what_can_be_parsed_is_named(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLVAULT_GATEWAY__API_KEYS", text)
    assert problem().startswith("CALLVAULT_GATEWAY__API_KEYS begins like JSON")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a = " + "9" * 5_000, "is not valid TOML"),
        ("a = " + "[" * 10_000 + "]" * 10_000, "is nested deeper than any setting is"),
    ],
    ids=["many digits", "nested"],
)
def test_a_file_beyond_what_can_be_parsed_is_named(text: str, named: str, tmp_path: Path) -> None:
    assert f"callvault.toml {named}" in problem(written(tmp_path, text))


def test_settings_that_are_nested_too_deep_to_be_used_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deep: dict[str, Any] = {}
    for _ in range(2_000):
        deep = {"log": deep}
    monkeypatch.setattr("callvault.config.sources._value", lambda name, text: deep)
    monkeypatch.setenv("CALLVAULT_LOG", "{}")
    monkeypatch.setattr("callvault.config.sources.read_toml", lambda file: {"log": deep})
    assert problem(Path("/any")) == "the settings are nested deeper than any setting is"


def test_a_file_in_the_home_of_nobody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLVAULT_CONFIG", "~nosuchuser/callvault.toml")
    assert problem().startswith("CALLVAULT_CONFIG: nobody's home is known")


@pytest.mark.parametrize("table", ["archives", "dead_letters"])
def test_the_quarantine_has_a_container_of_its_own(table: str) -> None:
    """A sweep of dead letters would take its blobs for its own, and an archive is no such place."""
    place = {"container": "events", "account_url": "https://a.example"}
    kind = {"kind": "azure_blob"} if table == "archives" else {}
    others = {"quarantine": {"kind": "azure_blob", **place}}
    with pytest.raises(ValidationError, match=rf"{table}.x is this container already"):
        Settings.model_validate({table: {"x": {**kind, **place}}, "gateway": others})
    other = {**place, "account_url": "https://b.example"}
    Settings.model_validate({table: {"x": {**kind, **other}}, "gateway": others})


@pytest.mark.parametrize("ways", [[], ["connection_string", "sas_url"], ["sas_url", "account_url"]])
@pytest.mark.parametrize(
    ("table", "rest"),
    [
        ("archives", {"kind": "azure_blob", "container": "recordings"}),
        ("queues", {"queue": "events"}),
        ("dead_letters", {"container": "letters"}),
    ],
)
def test_storage_is_reached_in_exactly_one_way(
    table: str, rest: dict[str, str], ways: list[str]
) -> None:
    values = {"connection_string": "env:A", "sas_url": "env:B", "account_url": "https://a.example"}
    entry = {**rest, **{way: values[way] for way in ways}}
    with pytest.raises(ValidationError, match="exactly one of connection_string, sas_url and acc"):
        Settings.model_validate({table: {"main": entry}})


def test_contradicting_variables_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLVAULT_LOG", "debug")
    monkeypatch.setenv("CALLVAULT_LOG__LEVEL", "debug")
    assert "CALLVAULT_LOG__LEVEL" in problem()


@pytest.mark.parametrize("text", ["[resources", "a = \x00"])
def test_broken_toml_names_the_file(text: str, tmp_path: Path) -> None:
    assert "callvault.toml is not valid TOML" in problem(written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "cannot read the configuration file" in problem(tmp_path / "none.toml")


def test_a_secret_written_in_place_of_a_reference_is_refused_and_never_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CALLVAULT_GATEWAY__API_KEYS", "hunter2")
    monkeypatch.setenv("CALLVAULT_GATEWAY__EVENT_SECRETS", '["hunter3"')
    assert "hunter" not in problem()
    monkeypatch.delenv("CALLVAULT_GATEWAY__EVENT_SECRETS")
    message = problem()
    assert "never the secret itself" in message
    assert "hunter" not in message


def test_secrets_are_read_when_needed_and_print_as_references(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_text("from-file\n")
    monkeypatch.setenv("SOME_KEY", "from-environment")
    assert SecretRef(f"file:{file}").resolve() == "from-file"
    assert SecretRef("env:SOME_KEY").resolve() == "from-environment"
    assert str(SecretRef("env:SOME_KEY")) == "env:SOME_KEY"
    monkeypatch.delenv("SOME_KEY")
    for missing in ("env:SOME_KEY", f"file:{tmp_path}/none"):
        with pytest.raises(ConfigurationError, match=r"missing|cannot be read"):
            SecretRef(missing).resolve()


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfhush",
        "hush\r\n".encode("utf-16"),
        "\ufeffhush\u200b\n".encode(),
        b"hush\0\n",
        "\u2060\u00a0hush ".encode(),
    ],
    ids=["mark", "PowerShell", "zero width", "nul", "word joiner"],
)
def test_b11_what_cannot_be_seen_around_a_secret_is_no_part_of_it(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    assert SecretRef(f"file:{file}").resolve() == "hush"
    monkeypatch.setenv("SOME_KEY", "\ufeffhush\u200b")
    assert SecretRef("env:SOME_KEY").resolve() == "hush"


@pytest.mark.parametrize("odd", ["\u200b", "\ufeff", "\u00ad", "\x1b"])
def test_b11_what_cannot_be_seen_within_a_secret_is_refused_with_a_sentence(
    odd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", f"hu{odd}sh")
    with pytest.raises(ConfigurationError, match=f"U\\+{ord(odd):04X}.*write it anew") as refused:
        SecretRef("env:SOME_KEY").resolve()
    assert "sh" not in str(refused.value)
    monkeypatch.setenv("SOME_KEY", "-----BEGIN-----\nhush\n")
    assert SecretRef("env:SOME_KEY").resolve() == "-----BEGIN-----\nhush"


def test_masked_shows_effective_values_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLVAULT_EUROPE_SECRET", "hunter2")
    shown = load_settings(written(tmp_path, COMPLETE)).masked()
    assert shown["resources"]["europe"]["archive"] == "main"
    assert shown["resources"]["europe"]["credential"]["connection_string"] == (
        "env:CALLVAULT_EUROPE_SECRET"
    )
    assert "hunter2" not in json.dumps(shown)


def test_events_find_their_resource_by_topic_whatever_its_case() -> None:
    both = settings(
        {"one": resource(topic=TOPIC + "One"), "two": resource(topic=TOPIC.lower() + "two")}
    )
    assert both.resource_for_topic(TOPIC.upper() + "TWO") == "two"
    assert both.resource_for_topic(TOPIC + "one/") == "one"
    assert both.resource_for_topic(TOPIC + "three") is None
    assert both.resource_for_topic("") is None


def test_a_default_that_ends_pauses_by_itself_is_refused_unless_it_is_meant() -> None:
    """Fault G8: a limit of the resource made it record while a card number was spoken."""
    limits = {"max_pause": "10m", "on_max_pause": "resume"}
    with pytest.raises(ValidationError, match="on_max_pause: with max_pause set"):
        settings({"one": resource(**limits)})
    meant = settings({"one": resource(**limits, max_pause_ends_protection=True)})
    assert meant.resource("one").on_max_pause == "resume"
    assert settings({"one": resource(max_pause="10m")}).resource("one").on_max_pause == "alarm"
    assert settings({"one": resource(on_max_pause="resume")})


def test_the_only_resource_takes_every_topic_unless_it_names_its_own() -> None:
    assert settings({"one": resource()}).resource_for_topic("anything") == "one"
    assert settings({"one": resource(topic=TOPIC)}).resource_for_topic("/else") is None
    assert Settings().resource_for_topic(TOPIC) is None


@pytest.mark.parametrize(
    ("resources", "named"),
    [
        ({"one": resource(), "two": resource(topic=TOPIC)}, "resources.one.topic: set it"),
        ({"one": resource(topic=TOPIC), "two": resource(topic=TOPIC.upper())}, "same topic"),
    ],
)
def test_resources_that_events_cannot_tell_apart_are_refused(
    resources: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        settings(resources)


def test_several_archives_must_be_chosen_from(tmp_path: Path) -> None:
    text = COMPLETE + '[archives.second]\nkind = "directory"\npath = "/b"\n'
    assert "name one of the archives (main, second)" in problem(written(tmp_path, text))


def test_unknown_names_list_the_known_ones() -> None:
    some = settings({"one": resource()})
    with pytest.raises(ConfigurationError, match=r"'two'.*known: one"):
        some.resource("two")
    with pytest.raises(ConfigurationError, match=r"'two'.*known: main"):
        some.archive("two")


OIDC = {"issuer": "i", "configuration_url": "https://a.example", "audience": "a"}


@pytest.mark.parametrize(
    "callers",
    [
        {"api_keys": ["env:B"]},
        {"keys": {"crm": {"secret": "env:B", "roles": ["read"]}}},
        {"oidc": OIDC},
    ],
)
def test_listening_beyond_loopback_is_allowed_with_both_kinds_of_credentials(
    callers: dict[str, Any],
) -> None:
    gateway = {"host": "0.0.0.0", "event_secrets": ["env:A"], **callers}
    assert Settings.model_validate({"gateway": gateway}).gateway.host == "0.0.0.0"


def test_callbacks_from_beyond_loopback_need_an_audience() -> None:
    gateway = {"host": "0.0.0.0", "event_secrets": ["env:A"], "api_keys": ["env:B"]}
    told = resource(callback_url="https://callvault.example")
    with pytest.raises(ValueError, match=r"resources\.one\.callback_audience: set it"):
        settings({"one": told}, gateway=gateway)
    settings({"one": {**told, "callback_audience": "5f1c"}}, gateway=gateway)
    settings({"one": told})


def test_no_rate_limit_is_spelt_none() -> None:
    assert Settings.model_validate({"gateway": {"rate_limit": "none"}}).gateway.rate_limit is None


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().gateway.port = 1  # type: ignore[misc]


def test_every_setting_is_documented_with_its_meaning() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    for path, field in setting_fields(Settings):
        assert f"`{'.'.join(path)}`" in page
        assert field.description, path
    assert page == reference(), "run: python -m callvault.config.reference docs/configuration.md"


def test_what_a_resource_says_of_consent_reaches_its_recordings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOOK", "https://ivr.example/announce?token=t")
    strict = resource(
        consent_policy="all_parties",
        before_consent="wait",
        consent_within="2m",
        on_withdrawal="pause_and_mark",
        announcement_url="env:HOOK",
        announcement_within="20s",
        announce_late_joiners=True,
    )
    configured = settings(
        {"strict": {**strict, "topic": TOPIC + "s"}, "plain": resource(topic=TOPIC + "p")}
    )
    with closing(Connections(configured)) as connections:
        policy = connections.policy_of("strict")
        assert policy.announce_within == timedelta(seconds=20)
        assert policy.announce_late_joiners is True
        assert policy.consent.consent_policy is ConsentPolicy.ALL_PARTIES
        assert policy.consent.before_consent is BeforeConsent.WAIT
        assert policy.consent.consent_within == timedelta(minutes=2)
        assert connections.announcement_webhook("strict") is not None
        plain = connections.policy_of("plain")
        assert (plain.announce_within, plain.consent.consent_policy) == (None, ConsentPolicy.NONE)
        assert connections.announcement_webhook("plain") is None


@pytest.mark.parametrize(
    "named", [{"webhook_url": "env:HOOK"}, {"webhook_allowed_urls": ["https://crm.example"]}]
)
def test_events_are_sent_to_nobody_without_a_signature(named: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="need webhook_secrets: set them, so that receivers"):
        settings({"default": resource(**named)})
    policy = resource_policy(
        settings({"default": resource(**named, webhook_secrets="env:KEY", webhook_within="2d")}),
        "default",
    )
    assert policy.tells_events is ("webhook_url" in named)
    assert policy.webhook_within == timedelta(days=2)


@pytest.mark.parametrize("url", ["http://crm.example", "https://crm.example/?a=b", "https://a:b@c"])
def test_a_url_that_may_not_be_listed_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="write https://host"):
        settings({"default": resource(webhook_allowed_urls=[url], webhook_secrets="env:KEY")})


def test_late_joiners_are_announced_to_only_where_there_is_an_announcement() -> None:
    with pytest.raises(ValueError, match="announce_late_joiners needs announcement_url"):
        settings({"default": resource(announce_late_joiners=True)})


@pytest.mark.parametrize(
    ("said", "keeps"),
    [
        ({}, False),
        ({"consent_policy": "all_parties"}, True),
        ({"consent_policy": "all_parties", "keep_participants": False}, False),
        ({"keep_participants": True}, True),
    ],
)
def test_comings_are_kept_where_consent_matters(said: dict[str, Any], keeps: bool) -> None:
    assert settings({"default": resource(**said)}).resource("default").keeps_participants is keeps


def test_what_a_resource_says_of_guards_and_deadlines_reaches_its_recordings() -> None:
    said = {
        "export_window": timedelta(hours=5),
        "event_expected_within": timedelta(minutes=3),
        "state_poll_interval": timedelta(minutes=7),
        "fallback_after": timedelta(hours=2),
        "escalation_schedule": (timedelta(hours=1), timedelta(hours=2)),
        "delete_source": True,
        "callback_url": "https://callvault.example",
    }
    guards = {
        "pause_confirm_within": timedelta(seconds=9),
        "on_pause_failure": "stop",
        "max_pause": timedelta(minutes=4),
        "on_max_pause": "resume",
        "max_duration": timedelta(hours=6),
    }
    told = resource(
        **said,
        **guards,
        max_pause_ends_protection=True,
        result_api_version="2024-09-01-preview",
    )
    policy = resource_policy(
        settings({"only": told}, worker={"max_history_events": 1_000}), "only"
    ).model_dump(by_alias=False)
    assert policy.items() >= {**said, "resource": "only", "polls_result": True}.items()
    assert (policy["guards"], policy["max_history_events"]) == (guards, 1_000)


def test_a_resource_cannot_name_participants(tmp_path: Path) -> None:
    text = COMPLETE.replace("[archives", 'consent_policy = "named"\n[archives')
    assert "resources.europe.consent_policy" in problem(written(tmp_path, text))


def test_the_key_of_participants_is_read_where_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configured = settings({"only": resource()}, participants={"key": "env:PARTICIPANT_KEY"})
    with pytest.raises(ConfigurationError, match="PARTICIPANT_KEY is missing"):
        configured.participant_key()
    monkeypatch.setenv("PARTICIPANT_KEY", "a key\n")
    assert configured.participant_key() == "a key"
    assert settings({"only": resource()}).participant_key() == ""


def test_an_archive_is_not_gone_and_there() -> None:
    with pytest.raises(ValidationError, match=r"archives[.]main is there as well"):
        settings({}, gone_archives={"main": "burned"})


@pytest.mark.parametrize("reason", ["", "  "])
def test_an_archive_is_gone_for_a_reason(reason: str) -> None:
    with pytest.raises(ValidationError, match="gone_archives"):
        settings({}, gone_archives={"old": reason})


def test_every_list_can_be_spelt_with_commas_as_variables_do() -> None:
    """`CALLVAULT_ARCHIVES__NAME__PUBLIC_KEYS=/keys.pem` was "no valid tuple"."""
    lists = [
        (path, field)
        for path, field in setting_fields(Settings)
        if get_origin(field.annotation) is tuple
    ]
    assert lists
    for path, field in lists:
        validators = [each.func for each in field.metadata if isinstance(each, BeforeValidator)]
        assert split in validators, path
