import os
import socket
from collections.abc import Iterator

import pytest

from devstack import ports
from devstack.errors import PortTakenError
from devstack.names import DEFAULT_PORTS, ComponentName, PortName


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield int(holder.getsockname()[1])


def test_a_taken_port_is_named_with_its_holder_and_the_way_out(taken_port: int) -> None:
    chosen = DEFAULT_PORTS | {PortName.SANDBOX: taken_port, PortName.SANDBOX_A: taken_port}

    with pytest.raises(PortTakenError) as failure:
        ports.require_free(ComponentName.SANDBOX, chosen)

    assert str(taken_port) in str(failure.value)
    assert str(os.getpid()) in str(failure.value)
    assert "PAYERA_PORT_SANDBOX=" in failure.value.next_step
    assert "--port-base" in failure.value.next_step


def test_a_port_is_free_again_when_its_holder_is_gone(taken_port: int) -> None:
    assert not ports.is_free(taken_port)
    assert ports.is_open(taken_port)


def test_nobody_listens_on_a_port_just_given_back() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = int(holder.getsockname()[1])

    assert ports.is_free(port)
    assert not ports.is_open(port)


def test_random_ports_stay_below_those_of_outgoing_connections() -> None:
    chosen = ports.choose_ports(0, {}, {}, lambda port: port % 2 == 0)

    assert all(10_000 <= port < 32_768 and port % 2 == 0 for port in chosen.values())
    assert len(set(chosen.values())) == len(PortName)
