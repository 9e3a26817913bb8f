"""Rotations under way survive a new version: recorded histories replay, and a changed workflow is found out."""

from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from mesh.temporal_codec import encrypting_converter
from tests.workflows.recordings import KEYRING
from tests.workflows.vault_recordings import HISTORIES, SCENARIOS
from vault_svc.adapters.temporal.worker import WORKFLOWS
from vault_svc.application.rotate_keys import Step
from vault_svc.workflows.messages import ROTATE_BATCH, ROTATION_WORKFLOW, BatchOrder, RotationProgress, RotationRun

FILES = sorted(HISTORIES.glob("*.json"))
RUNNERS = (UnsandboxedWorkflowRunner(), SandboxedWorkflowRunner())


@workflow.defn(name=ROTATION_WORKFLOW)
class ChangedRotationWorkflow:
    """The rotation after a careless change: it waits before the first batch."""

    @workflow.run
    async def run(self, run: RotationRun) -> RotationProgress:
        await workflow.sleep(timedelta(seconds=1))
        await workflow.execute_activity(
            ROTATE_BATCH,
            BatchOrder(run.order, run.position),
            result_type=Step,
            start_to_close_timeout=timedelta(seconds=1),
        )
        return run.progress


def _replayer(*workflows: type, runner: WorkflowRunner) -> Replayer:
    return Replayer(workflows=workflows, data_converter=encrypting_converter(KEYRING), workflow_runner=runner)


def _history(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text(encoding="utf-8"))


def test_every_scenario_has_a_history() -> None:
    assert {path.stem for path in FILES} >= set(SCENARIOS)


@pytest.mark.parametrize("runner", RUNNERS, ids=["as in production", "in the sandbox"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_recorded_history_replays(path: Path, runner: WorkflowRunner) -> None:
    await _replayer(*WORKFLOWS, runner=runner).replay_workflow(_history(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_changed_workflow_is_found(path: Path) -> None:
    with pytest.raises(NondeterminismError):
        await _replayer(ChangedRotationWorkflow, runner=UnsandboxedWorkflowRunner()).replay_workflow(_history(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_recorded_history_is_encrypted(path: Path) -> None:
    assert "json/plain" not in path.read_text(encoding="utf-8")
