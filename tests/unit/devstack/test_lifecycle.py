import socket
import stat
from pathlib import Path

import pytest

from devstack.configuration import Configuration
from devstack.errors import MissingPartError, PortTakenError
from devstack.lifecycle import STOP_ORDER, Stack
from devstack.names import SERVICE_MODULES, ComponentName, PortName
from devstack.seed import SeededMerchant, ensure_merchant, remembered_merchant
from tests.unit.devstack.stacks import a_configuration


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    return a_configuration(tmp_path)


def test_every_component_has_its_place_when_the_stack_goes_down() -> None:
    assert sorted(name for stage in STOP_ORDER for name in stage) == sorted(ComponentName)


def test_a_taken_port_is_found_before_anything_is_started(configuration: Configuration) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = configuration.ports | {PortName.TEMPORAL_UI: int(holder.getsockname()[1])}  # type: ignore[operator]
        stack = Stack(a_configuration(configuration.home, ports=taken))

        with pytest.raises(PortTakenError, match="temporal_ui of temporal"):
            stack.up(lambda _: None)

    assert not configuration.run_directory.exists()


def test_a_missing_module_fails_the_start_and_leaves_nothing(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SERVICE_MODULES, ComponentName.RELAY, "gateway_svc.nowhere")

    with pytest.raises(MissingPartError, match=r"gateway_svc\.nowhere"):
        Stack(configuration).up(lambda _: None, only={ComponentName.RELAY})

    assert Stack(configuration).processes.record(ComponentName.RELAY) is None


def test_a_seeded_merchant_is_remembered_for_its_owner_only(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    merchant = SeededMerchant("mer_1", "sk_1", "pk_1", "ok_1")
    monkeypatch.setattr("devstack.seed.seed", lambda _: merchant)

    assert ensure_merchant(configuration) == merchant
    monkeypatch.undo()

    assert ensure_merchant(configuration) == remembered_merchant(configuration) == merchant
    assert stat.S_IMODE(configuration.merchant_file.stat().st_mode) == 0o600
    assert "sk_1" not in repr(merchant)


def test_no_merchant_is_remembered_from_a_broken_file(configuration: Configuration) -> None:
    configuration.merchant_file.write_text('{"merchant_id": "mer_1"}')

    assert remembered_merchant(configuration) is None
