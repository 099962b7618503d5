"""Keeps pytest out of what is hostile, and lets the tests here import their helpers."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

collect_ignore = ["corpus", "day", "naive"]
