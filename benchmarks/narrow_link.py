"""A link of 64 kbit/s between two network namespaces, with the bytes that crossed it.

Needs root, `ip` and `tc` (Debian package iproute2). Each end has a relay on loopback, because a
node speaks plain HTTP to loopback only.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

NAMESPACE: Final = "vuzol-bench"
NEAR, FAR = "10.99.7.1", "10.99.7.2"
RELAY_PORT: Final = 8183


class NarrowLink:
    """Within `with`, a process run by `inside` reaches `target` at `address`, through the link."""

    def __init__(self, target: str, *, kilobits: int, port: int = 9083) -> None:
        self.target = target
        self.kilobits = kilobits
        self.port = port
        self._relays: list[subprocess.Popen[bytes]] = []

    @property
    def address(self) -> str:
        """Return where the far end is found from inside."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        if os.geteuid() != 0 or not shutil.which("tc"):
            raise PermissionError("a narrow link needs root and the Debian package iproute2")
        _clear()
        for words in self._commands():
            subprocess.run(words.split(), check=True)
        self._relay([], f"{NEAR}:{RELAY_PORT}", self.target)
        self._relay(
            ["ip", "netns", "exec", NAMESPACE], f"127.0.0.1:{self.port}", f"{NEAR}:{RELAY_PORT}"
        )
        time.sleep(1)  # until both relays listen
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for relay in self._relays:
            relay.kill()
            relay.wait()
        _clear()

    def inside(self, *words: str) -> list[str]:
        """Return the command that runs `words` at the far end of the link."""
        return ["ip", "netns", "exec", NAMESPACE, *words]

    def crossed(self) -> tuple[int, int]:
        """Return the bytes that went (towards `target`, back), with every header."""
        counters = Path("/sys/class/net/vuzol-near/statistics")
        return (
            int((counters / "rx_bytes").read_text()),
            int((counters / "tx_bytes").read_text()),
        )

    def _commands(self) -> list[str]:
        far = f"ip -n {NAMESPACE}"
        shape = f"root tbf rate {self.kilobits}kbit burst 3000 latency 1500ms"
        return [
            f"ip netns add {NAMESPACE}",
            f"ip link add vuzol-near type veth peer name vuzol-far netns {NAMESPACE}",
            f"ip addr add {NEAR}/30 dev vuzol-near",
            "ip link set vuzol-near up",
            f"{far} addr add {FAR}/30 dev vuzol-far",
            f"{far} link set vuzol-far up",
            f"{far} link set lo up",
            f"tc qdisc add dev vuzol-near {shape}",
            f"tc -n {NAMESPACE} qdisc add dev vuzol-far {shape}",
        ]

    def _relay(self, prefix: list[str], listen: str, target: str) -> None:
        words = [*prefix, sys.executable, "-m", "benchmarks.relay", listen, target]
        self._relays.append(subprocess.Popen(words))


def _clear() -> None:
    subprocess.run(["ip", "link", "del", "vuzol-near"], check=False, stderr=subprocess.DEVNULL)
    subprocess.run(["ip", "netns", "del", NAMESPACE], check=False, stderr=subprocess.DEVNULL)
