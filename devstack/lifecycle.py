"""Brings the whole mesh up on one machine, component by component, and takes it down again."""

import contextlib
import fcntl
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from signal import Signals
from threading import Event
from typing import Final

from devstack import downloads, ports
from devstack.certificates import ensure_certificates
from devstack.components import postgres
from devstack.components.base import Component, pause
from devstack.components.envoy import Envoy
from devstack.components.kafka import Kafka
from devstack.components.postgres import Postgres
from devstack.components.service import Service
from devstack.components.temporal import Temporal
from devstack.configuration import Configuration
from devstack.errors import ComponentError, MissingPartError, StackError
from devstack.files import WIPED, write_files
from devstack.names import COMPONENT_PORTS, SERVICE_MODULES, ComponentName, PortName
from devstack.processes import Processes, age_seconds, memory_bytes
from devstack.seed import SeededMerchant, ensure_merchant, first_payment, remembered_merchant
from devstack.steps import Report, State, Step, Tell, run_steps

FAILURE_LOG_LINES: Final = 20
LOCK_TIMEOUT_SECONDS: Final = 60.0
ARCHIVES: Final = "archives"
CLUSTER: Final = "cluster"
DATABASE: Final = "database"
TOPICS: Final = "topics"
MERCHANT: Final = "merchant"
FIRST_PAYMENT: Final = "payment"
MEBIBYTE: Final = 1024 * 1024
#: Down: the edge first, then the services, then what they stand on.
STOP_ORDER: Final[tuple[tuple[ComponentName, ...], ...]] = (
    (ComponentName.ENVOY,),
    tuple(SERVICE_MODULES),
    (ComponentName.POSTGRES, ComponentName.KAFKA, ComponentName.TEMPORAL),
)


@dataclass(frozen=True, slots=True)
class ComponentStatus:
    """One component as it is now; memory includes the processes it started."""

    name: ComponentName
    state: str
    pid: int | None
    memory_mb: float
    uptime_seconds: float
    addresses: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class UpResult:
    """What `up` did: the components it started, and the merchant the stack has (None when none was seeded)."""

    started: tuple[ComponentName, ...]
    merchant: SeededMerchant | None


class Stack:
    """The stack of one data folder. Its processes outlive this object; another object finds them again."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.processes = Processes(configuration.run_directory, configuration.logs_directory)
        self._components: dict[ComponentName, Component] = {
            ComponentName.POSTGRES: Postgres(),
            ComponentName.KAFKA: Kafka(),
            ComponentName.TEMPORAL: Temporal(),
            **{name: Service(name) for name in SERVICE_MODULES},
            ComponentName.ENVOY: Envoy(),
        }

    def up(
        self,
        report: Report,
        *,
        keep: bool = False,
        seed: bool = True,
        only: Collection[ComponentName] | None = None,
    ) -> UpResult:
        """Start what is not running and wait until everything answers; then, with `seed`, make a first payment.

        `only` names the components to start instead of all; nothing is seeded then. When anything fails, or the caller
        is interrupted, everything this call started is stopped again (unless `keep`) and the failure is raised: a
        StackError for what a person can act on.
        """
        wanted = tuple(self._components) if only is None else tuple(name for name in self._components if name in only)
        with self._exclusive():
            self._write_files()
            before = {name for name in ComponentName if self.processes.running(name) is not None}
            for name in set(wanted) - before:
                ports.require_free(name, self.configuration.ports)
            cancelled = Event()
            steps = self._steps(wanted, cancelled)
            if seed and only is None:
                steps += self._first_payment_steps(tuple(step.name for step in steps))
            try:
                run_steps(steps, report, cancelled)
            except BaseException:
                if not keep:
                    self._stop_all(only=set(ComponentName) - before)
                raise
            started = tuple(name for name in wanted if name not in before)
            return UpResult(started, remembered_merchant(self.configuration))

    def down(self, *, wipe: bool = False) -> tuple[ComponentName, ...]:
        """Stop everything, and with `wipe` delete the data; return what was running."""
        with self._exclusive():
            stopped = self._stop_all(only=set(ComponentName))
            if wipe:
                self._wipe()
        return stopped

    def start(self, name: ComponentName | str, *, wait: bool = True) -> None:
        """Start one component unless it runs, and wait until it answers; raise StackError when it does not."""
        component = self._components[ComponentName(name)]
        self._write_files()
        if component.name in {ComponentName.KAFKA, ComponentName.ENVOY}:
            downloads.ensure_archives(lambda _: None)
        self._launch(component)
        if wait:
            self._await_ready(component, Event())

    def stop(self, name: ComponentName | str, signal: Signals | None = None) -> None:
        """Stop one component with `signal` (else its own way) and wait until it is gone; nothing when it is."""
        component = self._components[ComponentName(name)]
        self.processes.stop(component.name, signal or component.stopping.signal, component.stopping.timeout_seconds)

    def kill(self, name: ComponentName | str) -> None:
        """End one component and all its processes at once with SIGKILL, as a crash would."""
        self.processes.kill(ComponentName(name))

    def restart(self, name: ComponentName | str) -> None:
        """Stop one component and start it again; return when it answers."""
        self.stop(name)
        self.start(name)

    def ready(self, name: ComponentName | str) -> bool:
        """Return whether the component runs and answers now."""
        component = self._components[ComponentName(name)]
        return self.processes.running(component.name) is not None and component.ready(self.configuration)

    def status(self) -> tuple[ComponentStatus, ...]:
        """Return the state of every component: `running`, `not ready`, `crashed` or `stopped`."""
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(len(ComponentName)) as pool:
            return tuple(pool.map(self._status, ComponentName))

    def migrate(self, tell: Tell) -> None:
        """Apply the migrations, routines and grants of every service; needs PostgreSQL to be up."""
        try:
            from mesh import migrate
        except ImportError as error:
            raise _missing(error, "mesh.migrate") from error
        import psycopg

        configuration = self.configuration
        url, passwords = configuration.administrator_url, configuration.role_passwords()
        try:
            migrate.apply(url, configuration.root / "sql", tell, passwords)
        except (migrate.MigrationError, psycopg.Error) as error:
            message = f"the database could not be migrated: {error}"
            raise StackError(message, "payera logs postgres") from error

    def declare_topics(self, tell: Tell) -> None:
        """Create the Kafka topics that are missing; needs Kafka to be up."""
        try:
            from mesh import topics
        except ImportError as error:
            raise _missing(error, "mesh.topics") from error
        from confluent_kafka import KafkaException

        try:
            topics.declare(self.configuration.address(PortName.KAFKA), tell)
        except KafkaException as error:
            message = f"the topics could not be declared: {error}"
            raise StackError(message, "payera logs kafka") from error

    def _steps(self, wanted: Collection[ComponentName], cancelled: Event) -> list[Step]:
        needs = {ComponentName.KAFKA: (ARCHIVES,), ComponentName.ENVOY: (ARCHIVES,)}
        steps = [Step(ARCHIVES, _archives)] if any(name in wanted for name in needs) else []
        if ComponentName.POSTGRES in wanted:
            # The others bear a database that is not up yet, but would slow down the making of its files.
            steps.append(Step(CLUSTER, self._make_cluster))
            needs |= dict.fromkeys([ComponentName.POSTGRES, *SERVICE_MODULES], (CLUSTER,))
        for name in wanted:
            steps.append(Step(name, self._starter(self._components[name], cancelled), needs.get(name, ())))
            if name is ComponentName.POSTGRES:
                steps.append(Step(DATABASE, _ready_after(self.migrate), (name,)))
            elif name is ComponentName.KAFKA:
                steps.append(Step(TOPICS, _ready_after(self.declare_topics), (name,)))
        return steps

    def _first_payment_steps(self, needs: tuple[str, ...]) -> list[Step]:
        def merchant(_tell: Tell) -> None:
            ensure_merchant(self.configuration)

        def payment(_tell: Tell) -> None:
            first_payment(self.configuration, ensure_merchant(self.configuration))

        return [
            Step(MERCHANT, _ready_after(merchant), needs),
            Step(FIRST_PAYMENT, _ready_after(payment), (MERCHANT,)),
        ]

    def _make_cluster(self, _tell: Tell) -> State:
        if self.processes.running(ComponentName.POSTGRES) is None:
            self._components[ComponentName.POSTGRES].prepare(self.configuration)
        return State.READY

    def _starter(self, component: Component, cancelled: Event) -> Callable[[Tell], State]:
        def run(_tell: Tell) -> State:
            state = State.READY if self._launch(component) else State.ALREADY
            self._await_ready(component, cancelled)
            return state

        return run

    def _launch(self, component: Component) -> bool:
        """Start the process unless it runs; return whether it was started now."""
        if self.processes.running(component.name) is not None:
            return False
        ports.require_free(component.name, self.configuration.ports)
        component.prepare(self.configuration)
        self.processes.spawn(component.name, component.command(self.configuration))
        return True

    def _await_ready(self, component: Component, cancelled: Event) -> None:
        deadline = time.monotonic() + component.start_timeout_seconds
        while True:
            if self.processes.running(component.name) is None:
                message = f"{component.name} ended while it was starting"
                break
            if component.ready(self.configuration):
                return
            if time.monotonic() > deadline:
                message = f"{component.name} was not ready after {component.start_timeout_seconds:.0f} s"
                break
            pause(cancelled)
        tail = self.processes.tail(component.name, FAILURE_LOG_LINES, since_start=True)
        next_step = f"the whole log: payera logs {component.name} -n 200; the machine: payera doctor"
        error = ComponentError(message, next_step, tail)
        error.add_note("\n".join(tail))
        raise error

    def _status(self, name: ComponentName) -> ComponentStatus:
        addresses = {port.value: self.configuration.address(port) for port in COMPONENT_PORTS[name]}
        record = self.processes.running(name)
        if record is None:
            state = "stopped" if self.processes.record(name) is None else "crashed"
            return ComponentStatus(name, state, None, 0.0, 0.0, addresses)
        state = "running" if self._components[name].ready(self.configuration) else "not ready"
        uptime = age_seconds(record.pid)
        return ComponentStatus(name, state, record.pid, memory_bytes(record.pid) / MEBIBYTE, uptime, addresses)

    def _write_files(self) -> None:
        ensure_certificates(self.configuration)
        write_files(self.configuration)

    def _stop_all(self, only: set[ComponentName]) -> tuple[ComponentName, ...]:
        from concurrent.futures import ThreadPoolExecutor

        stopped: list[ComponentName] = []
        for stage in STOP_ORDER:
            known = [name for name in stage if name in only and self.processes.record(name) is not None]
            stopped += [name for name in known if self.processes.running(name) is not None]
            with ThreadPoolExecutor(max(1, len(known))) as pool:
                list(pool.map(self.stop, known))
        return tuple(stopped)

    def _wipe(self) -> None:
        postgres.wipe(self.configuration)
        for name in WIPED:
            path = self.configuration.home / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Let one command at a time change the stack."""
        home = self.configuration.home
        home.mkdir(parents=True, exist_ok=True)
        with (home / "stack.lock").open("w") as stream:
            deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
            while True:
                try:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > deadline:
                        message = f"another payera command has been at work on {home} for {LOCK_TIMEOUT_SECONDS:.0f} s"
                        raise StackError(message, "wait for it, or end it, and try again") from error
                    time.sleep(0.1)
            yield


def _archives(tell: Tell) -> State:
    downloads.ensure_archives(tell)
    return State.READY


def _ready_after(work: Callable[[Tell], None]) -> Callable[[Tell], State]:
    def run(tell: Tell) -> State:
        work(tell)
        return State.READY

    return run


def _missing(error: ImportError, module: str) -> MissingPartError:
    return MissingPartError(f"{module} cannot be imported: {error}", "bring the checkout up to date, then: make setup")
