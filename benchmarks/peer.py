"""What the product is not: a connection for each thread, each with its own BEGIN IMMEDIATE.

The same rows as the product's, over HTTP, in the same web server; without sign-in and validation,
so it does less work for each ticket. `python -m benchmarks.peer DATABASE RECORDED HOST PORT`.
"""

import pickle
import sys
import threading
from itertools import count
from pathlib import Path

from flask import Flask, Response
from waitress.server import create_server

from benchmarks.recorded import connected, play

THREADS = 16


def create_app(database: Path, recorded: Path) -> Flask:
    """Return an app that writes the next recorded ticket at each request."""
    app = Flask(__name__)
    tickets = pickle.loads(recorded.read_bytes())
    turns = count()
    mine = threading.local()

    @app.post("/api/queue/tickets")
    def take() -> tuple[Response, int]:
        if not hasattr(mine, "connection"):
            mine.connection = connected(database)
        play(mine.connection, tickets[next(turns)])
        return Response("{}", content_type="application/json"), 201

    return app


if __name__ == "__main__":
    served = create_server(
        create_app(Path(sys.argv[1]), Path(sys.argv[2])),
        host=sys.argv[3],
        port=int(sys.argv[4]),
        threads=THREADS,
        connection_limit=500,
    )
    print("ready", flush=True)
    served.run()
