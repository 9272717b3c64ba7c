"""The two disks of a node."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.config import Config
from tests.backup.shelves import other_disk, settings


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def medium(data: Path) -> Iterator[Path]:
    with other_disk(data) as folder:
        yield folder


@pytest.fixture
def told(data: Path, medium: Path) -> Config:
    return settings(data, medium)
