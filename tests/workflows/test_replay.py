"""Workflows under way survive a new version: recorded histories replay, and a changed workflow is found out."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from gateway_svc.adapters.temporal.worker import WORKFLOWS
from gateway_svc.workflows.messages import PAYMENT_WORKFLOW, SETTLED_UPDATE, Advance
from gateway_svc.workflows.payment_activities import PaymentActivities
from gateway_svc.workflows.sweep_workflow import TOKENS_PATCH
from mesh.temporal_codec import encrypting_converter
from tests.workflows.recordings import HISTORIES, KEYRING, SCENARIOS

FILES = sorted(HISTORIES.glob("*.json"))
RUNNERS = (UnsandboxedWorkflowRunner(), SandboxedWorkflowRunner())


@workflow.defn(name=PAYMENT_WORKFLOW)
class ChangedPaymentWorkflow:
    """The payment workflow after a careless change: it waits before the first step."""

    @workflow.run
    async def run(self, payment_id: str) -> None:
        await workflow.sleep(timedelta(seconds=1))
        await workflow.execute_local_activity_method(
            PaymentActivities.advance_payment, Advance(payment_id), start_to_close_timeout=timedelta(seconds=1)
        )

    @workflow.update(name=SETTLED_UPDATE)
    async def settled(self) -> None:
        return


def _replayer(*workflows: type, runner: WorkflowRunner) -> Replayer:
    converter = encrypting_converter(KEYRING)
    return Replayer(workflows=workflows, data_converter=converter, workflow_runner=runner)


def _history(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text(encoding="utf-8"))


def test_every_scenario_has_a_history() -> None:
    assert {path.stem for path in FILES} >= set(SCENARIOS)


@pytest.mark.parametrize("runner", RUNNERS, ids=["as in production", "in the sandbox"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_recorded_history_replays(path: Path, runner: WorkflowRunner) -> None:
    await _replayer(*WORKFLOWS, runner=runner).replay_workflow(_history(path))


@pytest.mark.parametrize("path", [path for path in FILES if path.stem.startswith("payment_")], ids=lambda p: p.stem)
async def test_changed_workflow_is_found(path: Path) -> None:
    replayer = _replayer(ChangedPaymentWorkflow, runner=UnsandboxedWorkflowRunner())
    with pytest.raises(NondeterminismError):
        await replayer.replay_workflow(_history(path))


def test_there_is_a_history_of_a_sweep_from_before_and_from_after_it_told_the_vault() -> None:
    marked = {path.stem: TOKENS_PATCH in _markers(path) for path in FILES if path.stem.startswith("sweep")}
    assert marked == {"sweep": False, "sweep_and_tokens": True}


def _markers(path: Path) -> str:
    """Give the plain names of a history's markers; a patch's own id is in its details, which are not encrypted."""
    events = json.loads(path.read_text(encoding="utf-8"))["events"]
    details = [event["markerRecordedEventAttributes"] for event in events if "markerRecordedEventAttributes" in event]
    payloads = [
        payload["data"]
        for detail in details
        if detail["markerName"] == "core_patch"
        for part in detail["details"].values()
        for payload in part["payloads"]
    ]
    return " ".join(base64.b64decode(data).decode() for data in payloads)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_recorded_history_is_encrypted(path: Path) -> None:
    text: Any = path.read_text(encoding="utf-8")
    assert "json/plain" not in text
