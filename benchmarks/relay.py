"""Carry TCP connections: `python -m benchmarks.relay LISTEN_HOST:PORT TARGET_HOST:PORT`."""

import asyncio
import contextlib
import sys


async def carry(listen: str, target: str) -> None:
    """Carry until killed."""

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*_address(target))
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pour(reader, far_writer), _pour(far_reader, writer))

    server = await asyncio.start_server(met, *_address(listen))
    await server.serve_forever()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(16384):
            writer.write(chunk)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


def _address(told: str) -> tuple[str, int]:
    host, _, port = told.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    asyncio.run(carry(sys.argv[1], sys.argv[2]))
