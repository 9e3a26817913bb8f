import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from devstack import cli
from devstack.names import ComponentName
from devstack.project import project_root


def call(home: Path, *arguments: str) -> tuple[int, str]:
    outcome = CliRunner().invoke(cli.main, ["--home", str(home), *arguments])
    return outcome.exit_code, outcome.output


def test_help_imports_nothing_slow() -> None:
    code = (
        "import sys\n"
        "from devstack.cli import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "except SystemExit:\n"
        "    pass\n"
        "slow = {'grpc', 'rich', 'psutil', 'psycopg', 'confluent_kafka', 'temporalio', 'cryptography', 'jgo', 'yaml'}\n"
        "sys.exit(', '.join(sorted(slow & set(sys.modules))) or 0)\n"
    )

    outcome = subprocess.run(
        [sys.executable, "-c", code], cwd=project_root(), capture_output=True, text=True, timeout=60, check=False
    )

    assert outcome.returncode == 0, outcome.stderr
    assert "doctor" in outcome.stdout


def test_commands_of_other_packages_are_imported_when_called(monkeypatch: pytest.MonkeyPatch) -> None:
    lazy = {"tell": ("tests.unit.devstack.told", "tell", "Tell."), "absent": ("tests.unit.no.where", "absent", "No.")}
    monkeypatch.setattr(cli, "LAZY_COMMANDS", lazy)
    sys.modules.pop("tests.unit.devstack.told", None)

    listed = CliRunner().invoke(cli.main, ["--help"]).output
    assert "Tell." in listed
    assert "absent" not in listed
    assert "tests.unit.devstack.told" not in sys.modules
    assert CliRunner().invoke(cli.main, ["tell"]).output == "told\n"


def test_the_status_of_a_stack_that_never_ran(tmp_path: Path) -> None:
    code, output = call(tmp_path / "none", "status", "--json")

    told = json.loads(output)
    assert code == 0
    assert {item["name"]: item["state"] for item in told["components"]} == dict.fromkeys(ComponentName, "stopped")
    assert told["addresses"]["REST API"] == "http://127.0.0.1:8080"
    assert not (tmp_path / "none").exists()


def test_down_when_nothing_runs(tmp_path: Path) -> None:
    assert call(tmp_path, "down") == (0, "nothing was running\n")


def test_wiping_deletes_the_stacks_files_and_no_other(tmp_path: Path) -> None:
    for name in ("secrets.json", "mine.txt"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "kafka" / "data").mkdir(parents=True)

    assert call(tmp_path, "down", "--wipe")[0] == 0

    assert not (tmp_path / "secrets.json").exists()
    assert not (tmp_path / "kafka").exists()
    assert (tmp_path / "mine.txt").exists()


def test_the_log_of_a_component_that_never_ran(tmp_path: Path) -> None:
    code, output = call(tmp_path, "logs", "kafka")

    assert code == 1
    assert "error: kafka has no log yet" in output
    assert "next:  start it: payera up" in output


def test_the_end_of_a_log(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "kafka.log").write_text("one\ntwo\nthree\n")

    assert call(tmp_path, "logs", "kafka", "-n", "2") == (0, "two\nthree\n")


def test_an_unknown_component_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    code, output = call(tmp_path, "restart", "kafak")

    assert code == 2
    assert "postgres" in output


def test_a_log_begun_anew_is_read_from_its_top(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.log"
    path.write_text("new\n")

    assert cli._echo_from(path, 1000) == 4
    assert cli._echo_from(path, 4) == 4
    assert capsys.readouterr().out == "new\n"


def test_every_command_says_what_it_does() -> None:
    for name, command in cli.main.commands.items():
        assert isinstance(command, click.Command)
        assert command.help, name
