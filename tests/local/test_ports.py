"""Does a local stack take the ports that people know, and say so where it cannot?"""

import socket
from dataclasses import astuple, fields

from callvault.config.gateway import GatewaySettings
from callvault.local.ports import ANY_PORTS, USUAL_PORTS, Ports, free_or_other, is_free
from callvault.local.temporal import free_ports


def test_a_port_that_is_free_is_taken_and_one_that_is_not_is_replaced() -> None:
    (free,) = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        taken = stranger.getsockname()[1]
        chosen, told = free_or_other(Ports(temporal=free, gateway=taken))
    assert chosen.temporal == free
    assert chosen.gateway != taken
    assert told == [f"port {taken} is taken: gateway has {chosen.gateway}"]


def test_a_server_on_all_addresses_has_taken_a_port() -> None:
    with socket.create_server(("", 0)) as stranger:
        assert not is_free(stranger.getsockname()[1])


def test_without_wishes_all_ports_are_different_and_nothing_is_said() -> None:
    chosen, told = free_or_other(ANY_PORTS)
    assert told == []
    assert len(set(astuple(chosen)) - {0}) == len(fields(Ports))


def test_the_usual_port_of_the_gateway_is_its_default() -> None:
    assert GatewaySettings().port == USUAL_PORTS.gateway
