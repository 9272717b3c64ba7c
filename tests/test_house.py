"""The house rules that a program can check."""

import ast
import pkgutil
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest

import appliance
import edge_agents
import provisioning
import sync
from appliance.errors import VuzolError

ROOT = Path(__file__).parent.parent
PACKAGES = (appliance, sync, edge_agents, provisioning)
CODE = sorted(path for package in PACKAGES for path in (ROOT / package.__name__).rglob("*.py"))
SERVICES = sorted(path.parent for path in (ROOT / "appliance").glob("*/service.py"))
ROOMS = sorted({*SERVICES, ROOT / "appliance/store", ROOT / "appliance/web", ROOT / "sync"})
LONGEST_FILE, LONGEST_FUNCTION = 400, 40

FLOOR: Final = {"model": 0, "tables": 1, "queries": 2, "service": 3, "views": 4}
"""Inside a service, imports go down only."""

GROUND: Final = frozenset({"errors", "options", "config"})
BELOW: Final[Mapping[str, frozenset[str]]] = {
    "store": frozenset({"errors"}),
    "web": GROUND | {"store"},
    "people": GROUND | {"store", "web"},
    "commands": GROUND | {"store", "web", "people"},
}
"""What each room of the appliance may know; a service may know all of these, and no other one."""

PURE: Final = ("wire", "messages", "signing", "agent", "receiver", "admission")
OUTSIDE_WORLD: Final = frozenset(
    {
        "socket",
        "threading",
        "time",
        "sqlite3",
        "http",
        "asyncio",
        "os",
        "random",
        "secrets",
        "flask",
    }
)
SHUNNED: Final = re.compile(r"utils?|helpers?|manager|common|misc|base")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path, *, at_once: bool = False) -> Iterator[str]:
    """Yield what a module imports; what only a type checker reads is left out.

    With `at_once`, without what a function imports only when somebody calls it.
    """
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting += node.orelse
        elif at_once and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        else:
            waiting += ast.iter_child_nodes(node)


@pytest.mark.parametrize("room", SERVICES, ids=lambda room: room.name)
def test_imports_inside_a_service_go_down_only(room: Path) -> None:
    for path in room.glob("*.py"):
        for name in imports(path):
            _, where, what = (*name.split("."), "", "")[:3]
            if where == room.name and path.stem in FLOOR and what in FLOOR:
                assert FLOOR[what] < FLOOR[path.stem], f"{path.name} imports {name}"


@pytest.mark.parametrize(
    "room", [room for room in ROOMS if room.parent.name == "appliance"], ids=lambda room: room.name
)
def test_a_room_knows_the_rooms_below_it_and_no_neighbour(room: Path) -> None:
    known = BELOW.get(room.name, GROUND | BELOW.keys()) | {room.name}
    for path in room.rglob("*.py"):
        for name in imports(path):
            package, where = (*name.split("."), "")[:2]
            if package in {"appliance", "sync", "provisioning", "edge_agents"}:
                assert package == "appliance", f"{name_of(path)} imports {name}"
                assert where in known, f"{name_of(path)} imports {name}"


@pytest.mark.parametrize("machine", PURE)
def test_a_pure_machine_of_replication_cannot_reach_the_outside_world(machine: str) -> None:
    modules = [ROOT / f"sync/{machine}.py", *(ROOT / "sync" / machine).glob("*.py")]
    found = [path for path in modules if path.exists()]
    assert found, f"sync/{machine} is gone"
    for path in found:
        for name in imports(path):
            assert name.partition(".")[0] not in OUTSIDE_WORLD, f"{name_of(path)} imports {name}"


def test_no_module_imports_itself_by_a_way_round() -> None:
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in CODE}
    needs = {
        name: {
            found
            for told in imports(path, at_once=True)
            for found in (told, told.rpartition(".")[0])
            if found in modules
        }
        for name, path in modules.items()
    }
    while leaves := {name for name, wanted in needs.items() if not wanted & needs.keys()}:
        for leaf in leaves:
            del needs[leaf]
    assert not needs, f"these import one another in a circle: {sorted(needs)}"


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_a_module_begins_by_saying_what_it_is_for(path: Path) -> None:
    told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert told.split("\n", 1)[0].endswith((".", ":"))


@pytest.mark.parametrize("path", [path for path in CODE if path.stem == "__init__"], ids=name_of)
def test_a_package_holds_one_docstring(path: Path) -> None:
    assert len(ast.parse(path.read_text(encoding="utf-8")).body) == 1


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_a_file_and_its_functions_stay_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            promise = (ast.get_docstring(node) or "").count("\n") + 1
            assert (node.end_lineno or 0) - node.lineno - promise < LONGEST_FUNCTION, node.name


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_a_file_is_named_for_what_lives_there(path: Path) -> None:
    assert not SHUNNED.fullmatch(path.stem)


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_room_tells_its_what_states_and_promises(room: Path) -> None:
    page = (room / "README.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {room.name}\n")
    assert all(f"**{heading}.**" in page for heading in ("What", "States", "Promises"))


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_room_has_tests_under_its_own_name(room: Path) -> None:
    assert list((ROOT / "tests" / room.name).glob("test_*.py"))


def test_every_error_has_a_code_of_its_own() -> None:
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):  # that one is the command itself
                import_module(module.name)
    codes = [error.code for error in _heirs(VuzolError)]
    assert VuzolError.code not in codes
    assert sorted(codes) == sorted(set(codes))


def _heirs(error: type[VuzolError]) -> Iterator[type[VuzolError]]:
    for heir in error.__subclasses__():
        if heir.__module__.partition(".")[0] in {package.__name__ for package in PACKAGES}:
            yield heir
            yield from _heirs(heir)
