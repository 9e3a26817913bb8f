"""Settings come from PAYERA_* variables, and what is wrong is named."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from mesh.settings import BaseSettings, SettingsError, load


class ExampleSettings(BaseSettings, frozen=True, kw_only=True):
    database_url: str
    database_pool_size: int = 8
    verbose: bool = False


@dataclass(frozen=True, slots=True)
class PlainSettings:
    gateway_address: str
    create_budget_ms: int = 10_000


GOOD = {"PAYERA_ENVIRONMENT": "dev", "PAYERA_DATABASE_URL": "postgresql://user:hunter2@127.0.0.1/payera"}


def test_variables_fill_the_fields() -> None:
    settings = load(
        ExampleSettings,
        GOOD
        | {
            "PAYERA_LISTEN": "127.0.0.1:1",
            "PAYERA_TLS_DIRECTORY": "/tls",
            "PAYERA_DATABASE_POOL_SIZE": "3",
            "PAYERA_VERBOSE": "true",
            "PAYERA_CRASH_DIRECTORY": "/crash",
            "UNRELATED": "x",
        },
    )

    assert settings.listen == "127.0.0.1:1"
    assert settings.tls_directory == Path("/tls")
    assert settings.crash_directory == Path("/crash")
    assert settings.database_pool_size == 3
    assert settings.verbose is True


def test_defaults_stand_for_absent_and_empty_variables() -> None:
    settings = load(ExampleSettings, GOOD | {"PAYERA_CRASH_DIRECTORY": "", "PAYERA_DATABASE_POOL_SIZE": ""})

    assert settings.metrics_listen == ""
    assert settings.log_level == "info"
    assert settings.crash_directory is None
    assert settings.database_pool_size == 8


def test_dataclasses_are_filled_too() -> None:
    assert load(PlainSettings, {"PAYERA_GATEWAY_ADDRESS": "a:1"}) == PlainSettings("a:1", 10_000)


@pytest.mark.parametrize(
    ("changes", "variable"),
    [
        ({"PAYERA_DATABASE_URL": ""}, "PAYERA_DATABASE_URL"),
        ({"PAYERA_ENVIRONMENT": "production"}, "PAYERA_ENVIRONMENT"),
        ({"PAYERA_DATABASE_POOL_SIZE": "many"}, "PAYERA_DATABASE_POOL_SIZE"),
        ({"PAYERA_VERBOSE": "perhaps"}, "PAYERA_VERBOSE"),
        ({"PAYERA_LOG_LEVEL": "loud"}, "PAYERA_LOG_LEVEL"),
    ],
)
def test_an_error_names_the_variable_and_repeats_no_value(changes: dict[str, str], variable: str) -> None:
    with pytest.raises(SettingsError, match=variable) as failed:
        load(ExampleSettings, GOOD | changes)

    assert "hunter2" not in str(failed.value)
    assert all(not value or value not in str(failed.value) for value in changes.values())


def test_crash_points_are_refused_in_production() -> None:
    with pytest.raises(SettingsError, match="PAYERA_CRASH_DIRECTORY"):
        load(ExampleSettings, GOOD | {"PAYERA_ENVIRONMENT": "prod", "PAYERA_CRASH_DIRECTORY": "/crash"})


def test_only_settings_types_are_taken() -> None:
    with pytest.raises(TypeError):
        load(dict, {})
