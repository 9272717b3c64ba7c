"""Find the centre on the local network, and let nodes find this centre (DNS-SD over multicast).

Promise: it only ever names a candidate address (`sync.addresses` decides, and a signature proves),
it never speaks on the residents' network, and the appliance starts and runs whether or not it
works: it has a thread of its own, and the absence of any network is a normal state.
"""

import ipaddress
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from zeroconf import ServiceInfo, ServiceListener, Zeroconf

LOG: Final = logging.getLogger(__name__)
SERVICE: Final = "_vuzol-hub._tcp.local."
VERSION: Final = "1"
LOOK_AGAIN: Final = 30.0
"""Seconds between two looks at the network interfaces: a cable may be plugged in at any time."""

ANSWER_WAIT_MS: Final = 3000


@dataclass(frozen=True, slots=True)
class Hub:
    """What a centre announces of itself."""

    hromada: str
    node: int
    port: int
    secure: bool

    @property
    def properties(self) -> dict[str, str]:
        """Return the announced facts: no names of people or places are among them."""
        return {
            "v": VERSION,
            "hromada": self.hromada,
            "node": str(self.node),
            "tls": str(int(self.secure)),
        }


@dataclass(frozen=True, slots=True)
class Interface:
    """One address of one network interface."""

    name: str
    address: str


def usable(interfaces: Iterable[Interface], *, guest: str) -> list[str]:
    """Return the addresses to speak at: not the residents' network, not this machine alone."""
    return sorted(
        one.address
        for one in interfaces
        if one.name != guest and not ipaddress.ip_address(one.address).is_loopback
    )


def candidate(
    told: Mapping[str, str], addresses: Iterable[str], port: int, *, hromada: str, centre: int
) -> str:
    """Return the address that an announcement offers; empty when it is not our centre's."""
    ours = (VERSION, hromada, str(centre))
    if (told.get("v"), told.get("hromada"), told.get("node")) != ours:
        return ""
    scheme = "https" if told.get("tls") == "1" else "http"
    for address in addresses:
        # Plain HTTP is for loopback alone, so an announcement of it elsewhere is no use.
        if scheme == "https" or ipaddress.ip_address(address).is_loopback:
            return f"{scheme}://{address}:{port}"
    return ""


def interfaces_now() -> list[Interface]:
    """Return the IPv4 addresses that this machine has at the moment."""
    import ifaddr  # noqa: PLC0415 - read in discovery's own thread, off the start path

    return [
        Interface(adapter.name, str(ip.ip))
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
        if ip.is_IPv4
    ]


class Discovery:
    """The thread that announces `hub`, if there is one, and tells of candidates found."""

    def __init__(
        self,
        *,
        hromada: str,
        centre: int,
        speak_at: Callable[[], list[str]],
        found: Callable[[str], None],
        lost: Callable[[str], None],
        hub: Hub | None = None,
    ) -> None:
        self._hromada = hromada
        self._centre = centre
        self._speak_at = speak_at
        self._found = found
        self._lost = lost
        self._hub = hub
        self._named: dict[str, str] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="discovery", daemon=True)

    def start(self) -> None:
        """Begin in the background; nobody waits for it."""
        self._thread.start()

    def stop(self) -> None:
        """Sign off and end within seconds."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _run(self) -> None:
        speaking: list[str] = []
        zeroconf: Zeroconf | None = None
        while not self._stopping.is_set():
            try:
                addresses = self._speak_at()
                if zeroconf is None or addresses != speaking:
                    _close(zeroconf)
                    zeroconf = None  # a failure below must not leave the closed one in place
                    zeroconf, speaking = self._open(addresses), addresses
            except Exception as error:  # noqa: BLE001 - the network may be in any state; look again
                LOG.info("discovery waits for a network: %s", error)
            self._stopping.wait(LOOK_AGAIN)
        _close(zeroconf)

    def _open(self, addresses: list[str]) -> "Zeroconf | None":
        if not addresses:
            return None
        from zeroconf import IPVersion, Zeroconf  # noqa: PLC0415 - see above

        zeroconf = Zeroconf(interfaces=list(addresses), ip_version=IPVersion.V4Only)
        try:
            if self._hub:
                zeroconf.register_service(_service(self._hub, addresses), allow_name_change=True)
            else:
                zeroconf.add_service_listener(SERVICE, _listener(self._seen, self._gone))
        except BaseException:
            zeroconf.close()
            raise
        return zeroconf

    def _seen(self, zeroconf: "Zeroconf", name: str) -> None:
        info = zeroconf.get_service_info(SERVICE, name, timeout=ANSWER_WAIT_MS)
        if info is None or info.port is None:
            return
        url = candidate(
            {key: value or "" for key, value in info.decoded_properties.items()},
            info.parsed_addresses(),
            info.port,
            hromada=self._hromada,
            centre=self._centre,
        )
        before = self._named.pop(name, "")
        if before and before != url:
            self._lost(before)
        if url:
            self._named[name] = url
            self._found(url)

    def _gone(self, name: str) -> None:
        url = self._named.pop(name, "")
        if url:
            self._lost(url)


def _close(zeroconf: "Zeroconf | None") -> None:
    if zeroconf is not None:
        zeroconf.close()


def _service(hub: Hub, addresses: list[str]) -> "ServiceInfo":
    from zeroconf import ServiceInfo  # noqa: PLC0415 - see above

    return ServiceInfo(
        SERVICE,
        f"{hub.hromada}-{hub.node}.{SERVICE}",
        port=hub.port,
        properties=hub.properties,
        server=f"vuzol-{hub.hromada}-{hub.node}.local.",
        parsed_addresses=addresses,
    )


def _listener(
    seen: "Callable[[Zeroconf, str], None]", gone: Callable[[str], None]
) -> "ServiceListener":
    from zeroconf import ServiceListener  # noqa: PLC0415 - see above

    class Listener(ServiceListener):
        def add_service(self, zc: "Zeroconf", type_: str, name: str) -> None:
            del type_
            seen(zc, name)

        def update_service(self, zc: "Zeroconf", type_: str, name: str) -> None:
            del type_
            seen(zc, name)

        def remove_service(self, zc: "Zeroconf", type_: str, name: str) -> None:
            del zc, type_
            gone(name)

    return Listener()
