"""The stores of a running development stack."""

from typing import Final

from devstack.components import postgres
from devstack.components.temporal import temporal_home
from devstack.configuration import TEMPORAL_NAMESPACE, Configuration
from devstack.names import PortName
from devstack.scan.searching import CannotSearchError, Look, Store
from devstack.scan.stores.home import Home
from devstack.scan.stores.kafka import KafkaTopics
from devstack.scan.stores.postgres_files import PostgresFiles
from devstack.scan.stores.postgres_tables import PostgresTables
from devstack.scan.stores.temporal import TemporalHistories
from devstack.scan.stores.temporal_files import TemporalFiles

STORES: Final = (
    PostgresTables.name,
    PostgresFiles.name,
    KafkaTopics.name,
    TemporalHistories.name,
    TemporalFiles.name,
    Home.name,
)


class NoStack:
    """Stands for a store of a stack that was never started: it can't be searched, which must be said."""

    def __init__(self, name: str, home: str) -> None:
        self.name = name
        self.what = f"the {name} of the stack in {home}"
        self._home = home

    def search(self, _look: Look) -> None:
        """Say that there is nothing to search."""
        raise CannotSearchError(f"there is no stack in {self._home}", "payera up, or name its folder with --home")


def stores_of(configuration: Configuration) -> dict[str, Store]:
    """Return every store of the stack by name. Nothing is connected to yet."""
    if not (configuration.home / "secrets.json").is_file():
        return {name: NoStack(name, str(configuration.home)) for name in STORES}
    data = postgres.data_directory(configuration)
    temporal = temporal_home(configuration)
    stores: tuple[Store, ...] = (
        PostgresTables(configuration.administrator_url),
        PostgresFiles(data),
        KafkaTopics(configuration.address(PortName.KAFKA)),
        TemporalHistories(
            configuration.address(PortName.TEMPORAL),
            TEMPORAL_NAMESPACE,
            configuration.codec_keyring,
            configuration.vault_codec_keyring,
        ),
        TemporalFiles(temporal),
        Home(configuration.home, (data, temporal)),
    )
    return {store.name: store for store in stores}
