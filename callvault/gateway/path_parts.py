"""The parts of paths that are the caller's: what they may look like, before any route runs."""

from starlette.convertors import IntegerConvertor, StringConvertor, register_url_convertor

CALL = "call"
"""Convertor of an id that ends where ``:pause`` and its like begin: a path with one of these has
not the methods of the path without."""

CALL_PARAMETER = "workflow_id"
"""Name of a path's part that is a call's workflow id: `Access` looks at whose call it is."""

NUMBER = "number"
"""Convertor of a number that Python converts at once: of thousands of digits it does not."""


class _Call(StringConvertor):
    regex = "[^/:]+"


class _Number(IntegerConvertor):
    regex = "[0-9]{1,9}"


register_url_convertor(CALL, _Call())
register_url_convertor(NUMBER, _Number())
