"""The four twins, each a process of its own, with their faults switched on by one seed."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final, Protocol

from orderseal.sandbox import (
    DEFAULT_MIX,
    BrokersTrSandbox,
    BrokersTrSettings,
    Fault,
    LicenseRocksSandbox,
    LicenseRocksSettings,
    Sandbox,
    Settings,
    TokenizationTrSandbox,
    TokenizationTrSettings,
)

__all__ = ["Twins", "external_ids", "start"]

Mix = list[tuple[Fault, float]]

READS: Final[Mix] = [
    (Fault("delay", seconds=0.02), 0.03),
    (Fault("drop_before"), 0.01),
    (Fault("drop_after", reset=True), 0.01),
    (Fault("cut_reply"), 0.01),
    (Fault("error_before", status=503), 0.01),
    (Fault("rate_limit", seconds=0), 0.005),
    (Fault("expire_token"), 0.003),
    (Fault("slow_drip", seconds=0.02), 0.01),
]
# Without a second delivery, which no client can see, and without a wrong clock, by which a platform's rows would be of another day.
WRITES: Final[Mix] = [
    (Fault("delay", seconds=0.05), 0.04),
    (Fault("delay", seconds=0.05, after=True), 0.04),
    (Fault("drop_before"), 0.01),
    (Fault("drop_before", reset=True), 0.01),
    (Fault("drop_after"), 0.01),
    (Fault("drop_after", reset=True), 0.01),
    (Fault("cut_reply"), 0.01),
    (Fault("error_before", status=503), 0.01),
    (Fault("error_after"), 0.01),
    (Fault("rate_limit", seconds=0), 0.02),
    (Fault("expire_token"), 0.01),
    (Fault("slow_drip", seconds=0.02), 0.02),
]
_ASSOCIATIONS: Final = 6_000


def external_ids() -> tuple[str, ...]:
    """The ids that can be associated at BrokersTR's twin: each is used once."""
    return tuple([f"soak{number}" for number in range(_ASSOCIATIONS)])


class _Server(Protocol):
    def start(self) -> Any: ...

    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Twins:
    """All four, running."""

    stove: Sandbox
    brokerstr: BrokersTrSandbox
    tokenizationtr: TokenizationTrSandbox
    licenserocks: LicenseRocksSandbox

    def chaos(self, seed: int) -> None:
        """Let requests meet faults by chance."""
        self.stove.chaos(seed, DEFAULT_MIX)
        self.stove.chaos(seed + 1, READS, method="GET", path="/api/*")
        self.stove.chaos(seed + 2, READS, method="POST", path="/api/v1/orders/*")
        for number, (twin, path) in enumerate(self.platforms()):
            twin.chaos(seed + 10 + number, WRITES, method="POST", path=path)
            twin.chaos(seed + 20 + number, READS, method="GET", path=path)

    def platforms(self) -> tuple[tuple[BrokersTrSandbox | TokenizationTrSandbox | LicenseRocksSandbox, str], ...]:
        """The three that have no signed orders, with the pattern of their paths."""
        return (self.brokerstr, "/api/*"), (self.tokenizationtr, "/v2/*"), (self.licenserocks, "/api/*")

    def requests(self) -> dict[str, int]:
        """How many requests have come since :meth:`chaos`, by venue; the few of BrokersTR's ``PUT`` are not counted."""
        servers = {
            "stove": self.stove,
            "brokerstr": self.brokerstr,
            "tokenizationtr": self.tokenizationtr,
            "licenserocks": self.licenserocks,
        }
        return {name: sum(int(mix["matched"]) for mix in server.faults()["mixes"]) for name, server in servers.items()}

    def faults(self) -> int:
        """How many faults were played."""
        return sum(len(server.faults()["played"]) for server in (self.stove, self.brokerstr, self.tokenizationtr, self.licenserocks))

    def calm(self) -> None:
        """No more faults."""
        for server in (self.stove, self.brokerstr, self.tokenizationtr, self.licenserocks):
            server.calm()


def start(stack: ExitStack, seed: int) -> Twins:
    """Start them at once; the stack stops them."""
    twins = Twins(
        Sandbox(Settings(seed=seed, step_delay_min=0.005, step_delay_max=0.05, seed_shares=10**12), start_timeout=60),
        BrokersTrSandbox(BrokersTrSettings(seed=seed, requests_per_minute=None, external_ids=external_ids()), start_timeout=60),
        TokenizationTrSandbox(TokenizationTrSettings(seed=seed, generation="new", failure_rate=0.05), start_timeout=60),
        LicenseRocksSandbox(LicenseRocksSettings(seed=seed), start_timeout=60),
    )
    servers: tuple[_Server, ...] = (twins.stove, twins.brokerstr, twins.tokenizationtr, twins.licenserocks)
    for server in servers:
        stack.callback(server.stop)
    with ThreadPoolExecutor(len(servers)) as pool:
        list(pool.map(lambda server: server.start(), servers))
    return twins
