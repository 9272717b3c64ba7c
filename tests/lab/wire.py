"""A wire between this machine and a network namespace, which can be shaped, and cut without a word.

Cut means that packets are dropped on their way: nobody is told, as with a router that hides it.
"""

import subprocess
from collections.abc import Sequence
from types import TracebackType
from typing import Self

NEAR, FAR = "10.99.8.1", "10.99.8.2"


class LabWire:
    """Within `with`, what is started by `inside` reaches this machine at `NEAR`."""

    def __init__(self, name: str, *, kilobits: int) -> None:
        self.name = name
        self._kilobits = kilobits

    def __enter__(self) -> Self:
        self._clear()
        far = f"ip -n {self.name}"
        for command in (
            f"ip netns add {self.name}",
            f"ip link add {self.name} type veth peer name far netns {self.name}",
            f"ip addr add {NEAR}/30 dev {self.name}",
            f"ip link set {self.name} up",
            f"{far} addr add {FAR}/30 dev far",
            f"{far} link set far up",
            f"{far} link set lo up",
            f"nft add table inet {self.name}",
            f"nft add chain inet {self.name} in {{ type filter hook input priority 0 ; }}",
            f"nft add chain inet {self.name} out {{ type filter hook output priority 0 ; }}",
        ):
            _run(command.split())
        self._shape("add", self._kilobits)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clear()

    def inside(self, *words: str) -> list[str]:
        """Return the command that runs `words` in the namespace."""
        return ["ip", "netns", "exec", self.name, *words]

    def shape(self, kilobits: int) -> None:
        """Change the speed, both ways, with whatever is on the wire."""
        self._shape("change", kilobits)

    def cut(self) -> None:
        """Drop every packet from now on, both ways, and tell nobody."""
        _run(f"nft add rule inet {self.name} in iifname {self.name} drop".split())
        _run(f"nft add rule inet {self.name} out oifname {self.name} drop".split())

    def heal(self) -> None:
        """Let packets pass again."""
        _run(f"nft flush chain inet {self.name} in".split())
        _run(f"nft flush chain inet {self.name} out".split())

    def _shape(self, verb: str, kilobits: int) -> None:
        shape = f"root tbf rate {kilobits}kbit burst 3000 latency 1500ms"
        _run(f"tc qdisc {verb} dev {self.name} {shape}".split())
        _run(f"tc -n {self.name} qdisc {verb} dev far {shape}".split())

    def _clear(self) -> None:
        for command in (
            f"nft delete table inet {self.name}",
            f"ip link del {self.name}",
            f"ip netns del {self.name}",
        ):
            subprocess.run(command.split(), check=False, stderr=subprocess.DEVNULL)


def _run(words: Sequence[str]) -> None:
    subprocess.run(words, check=True)
