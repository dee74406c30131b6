"""The runs of the past, out of QUORATE_HOME: listed, shown, and two of them side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from quorate.app.config import flatten
from quorate.app.home import runs
from quorate.app.registry import nearest
from quorate.core.errors import InputError

RESULT = "result.json"

# What makes a run what it is, then what came of it; `config` and `limits` are compared key by key.
INPUTS = ("product", "mode", "recipe", "rulebook", "policy", "seed", "cash", "interval_ns", "instruments")
OUTPUTS = (
    "head_digest", "orders_digest", "events", "decisions", "orders", "fills", "vetoes", "halts",
    "trust_level", "partial", "halted", "ended",
)  # fmt: skip
# What every result has, however its run ended.
_SHAPE: dict[str, type] = {
    "run_id": str, "data": list, "instruments": list, "metrics": dict, "config": dict, "limits": dict,
}  # fmt: skip
_TREES = ("config", "limits", "metrics")


def run_ids() -> list[str]:
    """The ids of all finished runs, oldest first."""
    folder = runs()
    if not folder.is_dir():
        return []
    return sorted(path.parent.name for path in folder.glob(f"*/{RESULT}"))


def find(name: str) -> str:
    """The run that an id, or a unique beginning or end of one, means. Raises InputError otherwise."""
    known = run_ids()
    if name in known:
        return name
    fitting = [each for each in known if name and (each.startswith(name) or each.endswith(name))]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise InputError(
            f"'{name}' means {len(fitting)} runs", todo=f"write more of it: {', '.join(fitting[:3])}"
        )
    raise InputError(f"no run is called '{name}'", where=str(runs()), todo=nearest(name, known[-5:]))


def read_run(name: str) -> dict[str, Any]:
    """The result of a run. Raises InputError when there is none or it cannot be read."""
    path = runs() / find(name) / RESULT
    return _load(path)


def _load(path: Path) -> dict[str, Any]:
    try:
        result = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path)) from error
    if not isinstance(result, dict) or not all(isinstance(result.get(key), _SHAPE[key]) for key in _SHAPE):
        raise InputError("is not the result of a run", where=str(path))
    if not all(isinstance(each, dict) for each in result["data"]):
        raise InputError("is not the result of a run: its data are not", where=str(path))
    return result


def listed() -> list[dict[str, Any]]:
    """One line a run, oldest first: what it was and what came of it; a run that cannot be read says why."""
    rows: list[dict[str, Any]] = []
    for name in run_ids():
        try:
            result = read_run(name)
        except InputError as error:
            rows.append({"run_id": name, "error": error.line()})
            continue
        metrics = result.get("metrics") or {}
        rows.append(
            {key: result.get(key) for key in ("mode", "recipe", "instruments", "events", "halted", "partial")}
            | {"run_id": name}
            | {key: metrics.get(key) for key in ("total_return", "sharpe", "max_drawdown", "trades")}
        )
    return rows


def compare(first: str, second: str) -> dict[str, Any]:
    """Two runs side by side: every key of data, code, recipe, policy and results with both values."""
    one, two = read_run(first), read_run(second)
    left, right = comparable(one), comparable(two)
    rows = [
        {"key": key, "a": left.get(key), "b": right.get(key), "same": left.get(key) == right.get(key)}
        for key in [*left, *(key for key in right if key not in left)]
    ]
    return {
        "a": one.get("run_id"),
        "b": two.get("run_id"),
        "identical": one.get("head_digest") == two.get("head_digest"),
        "differing": [row["key"] for row in rows if not row["same"]],
        "rows": rows,
    }


def comparable(result: dict[str, Any]) -> dict[str, Any]:
    """The keys of a result that mean something beside another's, in the order they are shown."""
    rows: dict[str, Any] = {}
    for each in result.get("data") or []:
        rows[f"data.{each.get('instrument')}"] = (
            f"{each.get('name')} {str(each.get('sha256'))[:12]} {each.get('rows')} rows"
        )
    rows |= {key: result.get(key) for key in INPUTS}
    for tree in _TREES[:2]:
        rows |= {f"{tree}.{key}": value for key, value in flatten(result.get(tree) or {})}
    rows |= {key: result.get(key) for key in OUTPUTS}
    metrics = result.get(_TREES[2]) or {}
    rows |= {f"metrics.{key}": value for key, value in flatten(metrics) if key != "months"}
    return rows
