"""Runs of the command line."""

from __future__ import annotations

import pytest
from runs import Commands


@pytest.fixture
def commands(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Commands:
    return Commands(capsys, caplog)
