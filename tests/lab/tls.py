"""The centre's proxy: it ends TLS and hands on to the hub, as nginx does in production."""

import asyncio
import contextlib
import ssl
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self


def certificate(folder: Path, address: str) -> tuple[Path, Path]:
    """Make a certificate for an address that vouches for itself; return it and its key."""
    made, key = folder / "centre.pem", folder / "centre.key"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    words += ["-nodes", "-days", "2", "-subj", "/CN=centre"]
    words += ["-addext", f"subjectAltName=IP:{address}"]
    subprocess.run(
        [*words, "-keyout", str(key), "-out", str(made)], check=True, capture_output=True
    )
    return made, key


class TlsProxy:
    """Within `with`, TLS connections to `host` are carried to a port of this machine."""

    def __init__(self, folder: Path, host: str, target: int) -> None:
        self._host = host
        self._target = target
        self.authority, key = certificate(folder, host)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.authority, key)
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listening.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._end)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._met, self._host, 0, ssl=self._context)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()
        self._loop.run_until_complete(asyncio.gather(*self._carried(), return_exceptions=True))

    def _end(self) -> None:
        for task in self._carried():
            task.cancel()
        self._loop.stop()

    def _carried(self) -> set["asyncio.Task[Any]"]:
        return asyncio.all_tasks(self._loop)

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            hub_reader, hub_writer = await asyncio.open_connection("127.0.0.1", self._target)
            await asyncio.gather(_pour(reader, hub_writer), _pour(hub_reader, writer))


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        while chunk := await reader.read(16384):
            writer.write(chunk)
            await writer.drain()
    with contextlib.suppress(OSError, ssl.SSLError):
        writer.close()
