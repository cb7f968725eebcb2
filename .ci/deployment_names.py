"""Which metrics and environment variables there are: those that src/ names."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parent.parent


def _in_source(folder, pattern):
    sources = (ROOT / "src" / folder).rglob("*.rs")
    return {name for source in sources for name in re.findall(pattern, source.read_text())}


def metrics():
    """Names of metrics, with those that a histogram is shown as."""
    names = _in_source("telemetry", r"\b((?:waggle|evolution)_[a-z_]+)\b")
    return names | {name + suffix for name in names for suffix in ("_bucket", "_sum", "_count")}


def variables():
    """Names of environment variables."""
    return _in_source("config", r'"([A-Z][A-Z0-9_]+)"')
