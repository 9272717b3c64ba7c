"""Which address of the centre to try next: pure rules over what was configured and what was found.

    the configured address   first, always, while it answers
    a candidate of discovery  only after the configured one has been silent for a while
    an address of a stranger  left alone for longer each time; no other address suffers for it

Discovery proves nothing. Whoever answers proves who it is by the signature of its reply.
"""

from dataclasses import dataclass, replace
from typing import Final

SILENT_AFTER: Final = 2
"""A configured address that failed this often in a row gives way to a candidate."""

CONFIGURED_AGAIN: Final = 120.0
"""Seconds after which the configured address is tried again although a candidate answers."""

STRANGER_FIRST: Final = 60.0
STRANGER_LONGEST: Final = 6 * 3600.0
"""A wrong signature keeps a candidate out for so many seconds, doubled each time."""

FORGIVEN: Final = 2
"""So many in a row are forgiven to a candidate that has proved itself: a bit may turn."""

CANDIDATES_KEPT: Final = 16
"""Anybody can announce anything, so the list is short and the newest stay."""


@dataclass(frozen=True, slots=True)
class Address:
    """What is known of one address."""

    url: str
    configured: bool = False
    failures: int = 0  # in a row
    tried_at: float = 0.0
    strangers: int = 0  # wrong signatures in a row
    proven: bool = False  # the centre has signed a reply from there
    barred_until: float = 0.0


@dataclass(frozen=True, slots=True)
class AddressBook:
    """All known addresses. Each move returns a new book; times are of the monotonic clock."""

    known: tuple[Address, ...] = ()

    @classmethod
    def of(cls, configured: str) -> "AddressBook":
        """Start with the address of `node.toml`, if there is one."""
        return cls((Address(configured, configured=True),) if configured else ())

    def choose(self, now: float) -> str:
        """Return the address to try now; empty when there is none that may be tried."""
        open_ones = [one for one in self.known if now >= one.barred_until]
        best = min(open_ones, key=lambda one: _rank(one, now), default=None)
        return best.url if best else ""

    def found(self, url: str) -> "AddressBook":
        """Add a candidate that discovery has seen."""
        if any(one.url == url for one in self.known):
            return self
        configured = [one for one in self.known if one.configured]
        others = [one for one in self.known if not one.configured]
        return AddressBook((*configured, *others[-CANDIDATES_KEPT + 1 :], Address(url)))

    def lost(self, url: str) -> "AddressBook":
        """Forget a candidate that has signed off; one that is barred stays barred."""
        return AddressBook(
            tuple(one for one in self.known if one.url != url or one.configured or one.barred_until)
        )

    def anew(self) -> "AddressBook":
        """Let the configured address be tried now, whatever it did before: a person asks."""
        return AddressBook(
            tuple(replace(one, failures=0) if one.configured else one for one in self.known)
        )

    def answered(self, url: str, now: float) -> "AddressBook":
        """Note a reply with the centre's signature."""
        one = self._of(url)
        fresh = Address(one.url, configured=one.configured, proven=True)
        return self._noted(replace(fresh, tried_at=now))

    def silent(self, url: str, now: float) -> "AddressBook":
        """Note that no reply came."""
        one = self._of(url)
        return self._noted(replace(one, failures=one.failures + 1, tried_at=now))

    def stranger(self, url: str, now: float) -> "AddressBook":
        """Note a reply that the centre has not signed: this candidate alone waits longer.

        The configured address only makes room for candidates, as if it had been silent: a captive
        portal may answer in its place, and be gone in a minute.
        """
        one = self._of(url)
        forgiven = one.configured or (one.proven and one.strangers < FORGIVEN)
        wait = min(STRANGER_LONGEST, STRANGER_FIRST * 2.0 ** min(one.strangers, 16))
        changed = replace(one, strangers=one.strangers + 1, failures=one.failures + 1, tried_at=now)
        return self._noted(changed if forgiven else replace(changed, barred_until=now + wait))

    def _of(self, url: str) -> Address:
        return next((one for one in self.known if one.url == url), Address(url))

    def _noted(self, changed: Address) -> "AddressBook":
        return AddressBook(tuple(changed if one.url == changed.url else one for one in self.known))


def _rank(one: Address, now: float) -> tuple[int, float]:
    """Order addresses: the lower, the sooner."""
    if one.configured:
        due = one.failures < SILENT_AFTER or now - one.tried_at >= CONFIGURED_AGAIN
        return (0 if due else 2, one.tried_at)
    return (1 if one.failures == 0 else 2, one.tried_at)
