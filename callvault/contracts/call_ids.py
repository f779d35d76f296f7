"""The one form of a ``serverCallId``, in which every part of Callvault compares calls."""

# Base64 of an address in ASCII: "+" and "-" stand for the same six bits, as do "/" and "_", so no
# two calls differ in them alone. The "?" of the address is one of the two, where it ends a group.
_URL_SAFE = str.maketrans("+/", "-_")


def canonical_call_id(server_call_id: str) -> str:
    """Return the one form of a ``serverCallId`` by which calls are named and compared.

    ACS writes the same call with and without the padding of Base64, and in both alphabets
    (RFC 4648, sections 4 and 5). The canonical form is the URL-safe one without padding. ACS itself
    is sent the spelling that it gave.
    """
    return server_call_id.translate(_URL_SAFE).rstrip("=")
