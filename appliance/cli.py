"""The `vuzol` command: it parses and delegates, nothing else.

Exit codes: 0 done, 1 failed, 2 wrong usage. An error is one sentence on stderr that names the
cause and the next step. What a command needs is imported when it runs, so `vuzol check` is quick.
"""

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final, NoReturn

from appliance import config
from appliance.errors import VuzolError

DONE, FAILED, WRONG_USAGE = 0, 1, 2
CONFIG: Final = Path("/etc/vuzol/node.toml")

Answer = dict[str, object]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_USAGE, f"vuzol: {message}; `{self.prog} --help` shows what can be said\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    chosen = _parser().parse_args(argv)
    try:
        _show(chosen.run(chosen), as_json=getattr(chosen, "json", False))
    except VuzolError as error:
        return _failed(chosen, str(error))
    except BrokenPipeError:  # `vuzol status | head` has read what it wanted
        sys.stdout = None  # nobody is left to flush it to
    except KeyboardInterrupt:
        return _failed(chosen, "stopped before it was done; start it again")
    except Exception as error:  # noqa: BLE001 - whoever stands at the terminal gets a sentence
        return _failed(chosen, _unforeseen(error))
    return DONE


def up(chosen: argparse.Namespace) -> None:
    """Run the node of this configuration until it is told to stop."""
    from appliance import footing, node  # noqa: PLC0415 - only this command pays for the house

    read = config.load(chosen.config, os.environ)
    footing.demand(read)
    node.run(read)


def demo(chosen: argparse.Namespace) -> None:
    """Start a centre and two villages on this machine, to open in a browser."""
    from appliance.demo import supervisor  # noqa: PLC0415 - only this command needs it

    def tell(text: str) -> None:
        print(text, flush=True)

    supervisor.run(chosen.data, first=chosen.address, as_json=chosen.json, tell=tell)


def check(chosen: argparse.Namespace) -> Answer:
    """Read the configuration and say what the node would run with, and its public key."""
    from appliance import footing  # noqa: PLC0415 - see `up`
    from provisioning import keys  # noqa: PLC0415 - PyNaCl is not for every command

    read = config.load(chosen.config, os.environ)
    told = asdict(read)
    answer = {f"{section}.{key}": told[section][key] for section in told for key in told[section]}
    key_file = read.node.data / keys.NODE_KEY
    answer["public_key"] = _public_text(key_file) if key_file.exists() else None
    lacking = footing.warnings(read)
    answer |= {"warnings": lacking} if lacking else {}
    if chosen.bundle is not None:
        from appliance import support  # noqa: PLC0415 - see `up`

        answer["bundle"] = str(chosen.bundle)
        answer["bundle_holds"] = support.write(read, chosen.bundle, dict(answer))
    return answer


def _public_text(key_file: Path) -> str:
    from provisioning import keys  # noqa: PLC0415 - see `check`

    return keys.public_text(keys.own_key(key_file))


def status(chosen: argparse.Namespace) -> Answer:
    """Ask the running node how it is."""
    from appliance import running_node  # noqa: PLC0415 - http.client is not for every command

    return running_node.health(config.load(chosen.config, os.environ))


def sync_status(chosen: argparse.Namespace) -> Answer:
    """Ask the running node what has not reached the centre yet."""
    from appliance import running_node  # noqa: PLC0415 - see `status`

    return running_node.replication(config.load(chosen.config, os.environ))


def sync_now(chosen: argparse.Namespace) -> Answer:
    """Tell the running node to call the centre now."""
    from appliance import running_node  # noqa: PLC0415 - see `status`

    return running_node.call_centre(config.load(chosen.config, os.environ))


def sync_export(chosen: argparse.Namespace) -> Answer:
    """Write what the centre lacks to a stick, sealed; at the centre, the answers to its nodes."""
    from appliance import stick_command  # noqa: PLC0415 - see `status`

    read = config.load(chosen.config, os.environ)
    return stick_command.export(read, chosen.folder, stick_command.on_stderr)


def sync_import(chosen: argparse.Namespace) -> Answer:
    """Read bundles from a stick: rows at the centre, its answers at a node."""
    from appliance import stick_command  # noqa: PLC0415 - see `status`

    read = config.load(chosen.config, os.environ)
    return stick_command.take_in(read, chosen.files, stick_command.on_stderr)


def backup_status(chosen: argparse.Namespace) -> Answer:
    """Show the copies on the second medium, and which of them were proved."""
    from appliance import running_node  # noqa: PLC0415 - see `status`
    from sync.backup import report  # noqa: PLC0415 - only this command needs it

    read = config.load(chosen.config, os.environ)
    return report.status(read, lambda: running_node.health(read))


def backup_restore(chosen: argparse.Namespace) -> Answer:
    """Put a copy in the place of the database of a node that is stopped."""
    from appliance.rooms import TABLES  # noqa: PLC0415 - only this command opens a database
    from sync.backup import report, restore  # noqa: PLC0415 - see `backup_status`

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    read = config.load(chosen.config, os.environ)
    done = restore.restore(read, TABLES, number=chosen.copy, file=chosen.file, tell=tell)
    return report.restored(read, done)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="vuzol", description="An appliance for village offices.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _command(commands, "up", up, prints=False)
    _demo(_command(commands, "demo", demo, of_a_node=False))
    _command(commands, "status", status)
    _command(commands, "check", check).add_argument(
        "--bundle", type=Path, metavar="FILE", help="write a support file (zip), too"
    )
    sync = commands.add_parser("sync", help="Replication with the centre.")
    of_sync = sync.add_subparsers(dest="of_sync", required=True, metavar="COMMAND")
    _command(of_sync, "status", sync_status)
    _command(of_sync, "now", sync_now)
    stick = _command(of_sync, "export", sync_export)
    stick.add_argument("folder", type=Path, metavar="DIR", help="folder of the stick")
    stick = _command(of_sync, "import", sync_import)
    stick.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="bundle, or folder of the stick"
    )
    backup = commands.add_parser("backup", help="Copies of the database.")
    of_backup = backup.add_subparsers(dest="of_backup", required=True, metavar="COMMAND")
    _command(of_backup, "status", backup_status)
    source = _command(of_backup, "restore", backup_restore).add_mutually_exclusive_group()
    source.add_argument(
        "--copy", type=int, metavar="NUMBER", help="this copy instead of the newest whole one"
    )
    source.add_argument(
        "--file", type=Path, metavar="FILE", help="this database, made out of an off-site replica"
    )
    return parser


def _command(
    commands: "argparse._SubParsersAction[_Parser]",
    name: str,
    run: Callable[[argparse.Namespace], Answer | None],
    *,
    prints: bool = True,
    of_a_node: bool = True,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
    if prints:
        command.add_argument("--json", action="store_true", help="print JSON for a program")
    if of_a_node:
        command.add_argument(
            "--config", type=Path, default=CONFIG, metavar="FILE", help="node.toml"
        )
    command.set_defaults(run=run)
    return command


def _demo(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", type=Path, metavar="DIR", help="keep the data in this folder")
    command.add_argument(
        "--address", default="127.0.0.11", help="address of the centre; the villages take the next"
    )


def _show(answer: Answer | None, *, as_json: bool) -> None:
    if answer is not None:
        told = json.dumps(answer, ensure_ascii=False, default=str) if as_json else _text(answer)
        print(told, flush=True)


def _text(answer: Answer, indent: str = "") -> str:
    lines = []
    for key, value in answer.items():
        if isinstance(value, dict):
            lines += [f"{indent}{key}:", _text(value, indent + "  ")]
        else:
            lines.append(f"{indent}{key}: {'unknown' if value is None else value}")
    return "\n".join(lines)


def _failed(chosen: argparse.Namespace, sentence: str) -> int:
    print(f"vuzol {chosen.command}: {' '.join(sentence.split())}", file=sys.stderr)
    return FAILED


def _unforeseen(error: Exception) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1]
    told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    place = f"{Path(where.filename).name}:{where.lineno}"
    return f"{told} in {place}; try again, and report it if it happens twice"
