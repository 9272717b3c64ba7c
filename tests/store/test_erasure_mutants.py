"""Each promise of erasing and keeping is broken on purpose, and a named test notices."""

import inspect
from collections.abc import Callable
from typing import Any, Final

import pytest

from appliance.store import erasures, foreign, inbox, pragmas, retention, scrubbing
from appliance.store.clock import ClockQuality
from appliance.store.database import Store
from appliance.store.foreign import Gone
from tests.store import test_erasures as erasing
from tests.store import test_erasures_restored as restored
from tests.store import test_retention as keeping
from tests.store.test_erasures import opened  # noqa: F401 - a fixture of the tests below
from tests.store.test_erasures_restored import places  # noqa: F401
from tests.store.test_retention import centre, clock, village  # noqa: F401

Break = Callable[[pytest.MonkeyPatch], None]


def purges_above_safe(broken: pytest.MonkeyPatch) -> None:
    broken.setitem(retention.purge.__kwdefaults__, "safe", lambda *_: 1 << 40)


def thins_tickets(broken: pytest.MonkeyPatch) -> None:
    broken.setattr(retention, "THINNED", tuple(keeping.Lane))


def expires_on_a_bad_clock(broken: pytest.MonkeyPatch) -> None:
    broken.setattr(ClockQuality, "good", True)


def forgets_the_chain_at_the_cut(broken: pytest.MonkeyPatch) -> None:
    broken.setattr(retention, "CUT", retention.CUT.replace("?, ?, ?, ?", "?, ?, ?, ifnull(x'', ?)"))


def keeps_the_salt(broken: pytest.MonkeyPatch) -> None:
    kept = tuple(one.replace("salt = NULL", "salt = salt") for one in erasures.REACHED)
    broken.setattr(erasures, "REACHED", kept)


def does_not_forget_again(broken: pytest.MonkeyPatch) -> None:
    broken.setattr(Store, "_forget_again", lambda *_: None)


def takes_what_comes_late(broken: pytest.MonkeyPatch) -> None:
    broken.setattr(inbox, "_without", lambda _, fresh: fresh)


def leaves_the_wal(broken: pytest.MonkeyPatch) -> None:
    broken.setattr(pragmas, "empty_wal", lambda _: True)


def never_writes_the_file_anew(broken: pytest.MonkeyPatch) -> None:
    broken.setattr(scrubbing, "traces_left", lambda _: False)


def lets_a_node_erase_anything(broken: pytest.MonkeyPatch) -> None:
    broken.setattr(foreign, "erased_by", lambda _, __, entry: Gone((entry.body[2:],)))


MUTANTS: Final[tuple[tuple[Break, Callable[..., None]], ...]] = (
    (purges_above_safe, keeping.test_what_is_safe_and_old_goes_and_nothing_above_it),
    (thins_tickets, keeping.test_alarms_tickets_and_audit_are_refused_to_a_thinning),
    (expires_on_a_bad_clock, keeping.test_nothing_expires_on_a_bad_clock),
    (
        forgets_the_chain_at_the_cut,
        keeping.test_the_chain_is_verified_from_the_cut_on_and_the_centre_takes_what_follows,
    ),
    (keeps_the_salt, erasing.test_the_entry_of_an_erasure_names_ids_and_has_no_salt),
    (does_not_forget_again, restored.test_a_village_put_back_forgets_again_before_it_serves),
    (
        takes_what_comes_late,
        erasing.test_an_erasure_that_comes_first_holds_against_any_later_carrier,
    ),
    (leaves_the_wal, erasing.test_an_erased_name_is_in_no_byte_of_any_file_at_either_end),
    (never_writes_the_file_anew, erasing.test_no_copy_stays_in_the_free_room_of_a_page),
    (lets_a_node_erase_anything, erasing.test_another_node_erases_nothing_of_ours),
)


@pytest.mark.parametrize(
    ("breaks", "notices"), MUTANTS, ids=[breaks.__name__ for breaks, _ in MUTANTS]
)
def test_a_broken_promise_is_noticed(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    breaks: Break,
    notices: Callable[..., None],
) -> None:
    given: dict[str, Any] = {
        name: request.getfixturevalue(name) for name in inspect.signature(notices).parameters
    }
    with monkeypatch.context() as broken:
        breaks(broken)
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            notices(**given)
