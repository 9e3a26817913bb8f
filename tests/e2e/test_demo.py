"""The demonstrations, played against the running stack as a person would."""

import pytest
from click.testing import CliRunner, Result

from devstack.bench import connectors
from devstack.cli import main
from devstack.names import PSP_DIALECTS
from devstack.psp_accounts import api_key, webhook_secret
from tests.e2e.support import Mesh

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def play(mesh: Mesh, *command: str) -> Result:
    return CliRunner().invoke(main, ["--home", str(mesh.stack.configuration.home), *command])


def test_the_story_plays_to_its_end(mesh: Mesh) -> None:
    result = play(mesh, "demo")

    assert result.exit_code == 0, result.output
    assert "6. A refund" in result.output
    assert "refund succeeded" in result.output


def test_every_psp_takes_a_payment_and_both_sides_are_shown_without_secrets(mesh: Mesh) -> None:
    result = play(mesh, "demo", "psps", "--whole")

    assert result.exit_code == 0, result.output
    for account in PSP_DIALECTS:
        assert f"attempt at {account}: " in result.output
        assert f"between the connector and {account}" in result.output
        assert f"webhook of {account}: " in result.output
        for secret in (api_key(mesh.stack.configuration, account), webhook_secret(mesh.stack.configuration, account)):
            assert secret not in result.output
    assert "attempt at sandbox_stripe: DECLINED issuer_unavailable" in result.output
    assert "424242***4242" in result.output
    assert "4242424242424242" not in result.output
    assert "more lines" not in result.output


def test_the_benchmark_understands_what_every_psp_answers(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connectors, "CALLS", 2)

    costs = connectors.connector_costs(mesh.stack.configuration)

    wanted = {*PSP_DIALECTS.values(), "sandbox"}
    operations = ("authorize", "capture", "refund", "void")
    assert {(cost.connector, cost.operation) for cost in costs} == {
        (psp, each) for psp in wanted for each in operations
    }
    assert all(cost.build_us > 0 and cost.parse_us > 0 and cost.floor_us > 0 for cost in costs)
