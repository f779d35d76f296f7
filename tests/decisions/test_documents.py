"""Signed documents: which bytes are read as one, and which signature proves it."""

import pytest

from callvault.archive.manifests import documents
from callvault.archive.manifests.documents import Keyring, read_document, signed
from callvault.archive.manifests.keys import PublicKey, Signer
from callvault.contracts.manifest import ChainLink, ObjectReference
from callvault.errors import BrokenContent, InvalidRequest

SIGNER, OTHER = Signer.generate(), Signer.generate("ES256")


def a_link(**facts: object) -> ChainLink:
    manifest = ObjectReference(object_name="m", size=1, sha256="0" * 64, sha512="0" * 128)
    known = {"archive": "main", "sequence": 1, "manifest": manifest, "previous": None, **facts}
    return ChainLink(**known, signature=None)


@pytest.mark.parametrize("signer", [None, SIGNER, OTHER])
def test_a_document_is_read_as_it_was_written(signer: Signer | None) -> None:
    link = read_document(ChainLink, data := signed(a_link(), signer))
    assert (link.signature is None) is (signer is None)
    assert link.model_copy(update={"signature": None}) == a_link()
    for key in (SIGNER, OTHER):
        assert documents.is_proven_by(key.public, link, data) is (key is signer)


def test_a_signature_of_before_is_replaced() -> None:
    link = read_document(ChainLink, signed(a_link(), SIGNER))
    assert signed(link, OTHER) != signed(link, SIGNER) == signed(a_link(), SIGNER)
    assert signed(link, None) == signed(a_link(), None)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"{", "it is not JSON"),
        (b"\xff", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (signed(a_link(), SIGNER).replace(b",", b", ", 1), "it is not canonical JSON"),
        (b"{}", "it was changed"),
    ],
)
def test_a_single_byte_more_is_no_document(data: bytes, says: str) -> None:
    with pytest.raises(BrokenContent, match=says):
        read_document(ChainLink, data)


def test_what_has_no_canonical_form_cannot_be_written() -> None:
    with pytest.raises(InvalidRequest, match="canonical JSON"):
        documents.canonical_tree({"a": float("nan")})


@pytest.mark.parametrize(
    ("given", "offered", "signer", "says"),
    [
        ([], [], None, None),
        ([], [], SIGNER, "which is not in the archive"),
        ([], [SIGNER], SIGNER, None),
        ([SIGNER], [], SIGNER, None),
        ([SIGNER], [], None, documents.UNSIGNED_DESPITE_KEY),
        ([SIGNER], [OTHER], OTHER, "which is not among those given"),
        ([SIGNER, OTHER], [], OTHER, None),
    ],
)
def test_keys_that_were_given_are_believed_alone_or_else_the_archives_own(
    given: list[Signer], offered: list[Signer], signer: Signer | None, says: str | None
) -> None:
    keyring = Keyring(each.public for each in given)
    for each in offered:
        keyring.offer(each.public)
    assert keyring.is_given is bool(given)
    link = read_document(ChainLink, data := signed(a_link(), signer))
    said = keyring.objection(link, data)
    assert (said is None) if says is None else (says in (said or ""))


def test_a_signature_of_another_document_does_not_fit() -> None:
    link = read_document(ChainLink, signed(a_link(), SIGNER))
    forged = a_link(sequence=2).model_copy(update={"signature": link.signature})
    data = documents.canonical(forged)
    said = Keyring([SIGNER.public]).objection(read_document(ChainLink, data), data)
    assert said == f"its signature with key {SIGNER.public.key_id} does not fit: it was changed"


def test_a_reference_tells_size_and_hashes() -> None:
    told = documents.reference_to("m", b"abc")
    assert (told.object_name, told.size) == ("m", 3)
    assert told.sha256.startswith("ba7816bf")
    assert told.sha512.startswith("ddaf35a1")


def test_a_public_key_is_known_by_its_own_bytes() -> None:
    assert PublicKey.from_pem(SIGNER.public.pem()).key_id == SIGNER.public.key_id
