"""One run from plan to result: session, journal closed, statistics, report and result.json out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from quorate.adapters.feeds.series import Series
from quorate.adapters.journals.memory import MemoryJournal
from quorate.adapters.journals.sqlite import SqliteJournal
from quorate.analysis.analysis import Analysis, analyse
from quorate.analysis.result import Closes
from quorate.app.collect import Collector
from quorate.app.compose import SUSPECT_TRUST, Plan, build_session
from quorate.app.home import check_place, new_run
from quorate.core.errors import InputError, JournalError, QuorateError
from quorate.core.events import Breaker
from quorate.core.instant import spell_instant
from quorate.core.money import Money
from quorate.core.ports import Journal, Observer
from quorate.core.record import Closed
from quorate.kernel.session import Session

CASH_LOTS = 20
CASH_FLOOR = 100_000
CASH_MAX = 10**10  # equity in 1e-8 units stays within 64 bits, with room to grow ninefold
HALTED_EXIT = 3
INTERRUPTED_EXIT = 130


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run: the JSON object people's programs read, and what the report and screen are made of."""

    result: dict[str, Any]
    exit_code: int
    collector: Collector
    analysis: Analysis
    error: str = ""


def default_cash(series: Sequence[Series]) -> tuple[Money, str]:
    """(cash, why): 20 lots' notional of the dearest instrument, at least 100,000, in the quote currency."""
    currency = series[0].instrument.currency
    dearest = max(each.instrument.worth_e8(int(each.close[0]), 1) for each in series)
    needed = Money(CASH_LOTS * dearest, currency)
    floor = Money.of(CASH_FLOOR, currency)
    if needed > floor:
        whole = Money.of(int(needed.decimal()) + 1, currency)
        if whole > Money.of(CASH_MAX, currency):
            what = f"{CASH_LOTS} times one lot's notional is {whole}, and books hold {CASH_MAX:,} at most"
            raise InputError(what, where="cash", todo="give a smaller lot: --instrument ID,lot=0.001")
        return whole, f"cash {whole}: {CASH_LOTS} times one lot's notional"
    return floor, f"cash {floor}: the default floor"


def parse_cash(text: str, currency: str) -> Money:
    """Cash as a person writes it. Raises InputError for anything but a positive decimal."""
    try:
        cash = Money.of(Decimal(text.replace(",", "").replace("_", "")), currency)
    except (ArithmeticError, TypeError) as error:
        raise InputError(f"'{text}' is not an amount", where="--cash", todo="write 250000") from error
    if cash.count <= 0:
        raise InputError(f"{cash} is not above zero", where="--cash")
    if cash > Money.of(CASH_MAX, currency):
        raise InputError(f"'{text}' is too much", where="--cash", todo=f"books hold {CASH_MAX:,} at most")
    return cash


def open_journal_for(path: Path, mode: str) -> SqliteJournal:
    """The journal of a run: batched in a backtest, durable at every step in paper."""
    return SqliteJournal(path, durable=mode != "backtest")


def perform(
    plan: Plan,
    mode: str,
    *,
    journal: Path | None = None,
    observers: Sequence[Observer] = (),
    notes: Sequence[str] = (),
    report: bool = True,
    report_at: Path | None = None,
    started: Callable[[Session], None] | None = None,
) -> Outcome:
    """Run a plan, leave journal, report and result.json in the run's folder, and say what came of it.

    ``journal`` overrides the journal's place; it must not exist; ``report_at`` the report's. ``started`` is
    given the session before its first event, for instance to stop it on Ctrl-C.
    """
    if journal is not None and journal.exists():
        raise InputError(
            "already exists", where=str(journal), todo="a journal is never overwritten: name another"
        )
    if report_at is not None:
        check_place(report_at)
    run_id, folder = new_run()
    path = journal or folder / "journal.db"
    collector = Collector(dict(plan.instruments), plan.cash, plan.opened.interval)
    store, session = _begin(plan, mode, folder, path, (collector, *observers))
    if started is not None:
        started(session)
    closed, error = _run(session, plan)
    analysis = analyse(collector.stats(), closes_of(plan.series), plan.opened.seed, recipe=plan.recipe.name)
    halted = bool(error) or (closed is not None and closed.breaker == Breaker.HALTED)
    complete = closed is not None and closed.complete
    result = result_of(plan, mode, collector, analysis, run_id, path, store.head.hex())
    frozen, stale = ended_early(plan.series, collector)
    frozen += bankrupt(collector)
    by_rule = Counter(each.rule for veto in collector.vetoes for each in veto.verdict.refusals)
    frozen += [] if collector.approved else nothing_passed(len(collector.vetoes), by_rule)
    if stale:
        result["trust_level"] = min(result["trust_level"], SUSPECT_TRUST, key=_trust)
    result |= {
        "notes": list(
            dict.fromkeys([*frozen, *notes, *(note for each in plan.series for note in each.notes)])
        ),
        "partial": not complete,
        "ended": error or (closed.reason if closed is not None else ""),
        "halted": halted,
        "report": None,
    }
    _keep(folder, result)
    if report:
        from quorate.app.report import report_run  # jinja2 is wanted by a report only

        try:
            place = report_at or folder / "report.html"
            result["report"] = str(report_run(place, result, plan, collector, analysis))
        except InputError as failure:  # a full disk must not cost the result as well
            result["notes"].append(failure.line())
        _keep(folder, result)
    exit_code = HALTED_EXIT if halted else 0 if complete else INTERRUPTED_EXIT
    return Outcome(result, exit_code, collector, analysis, error)


def ended_early(series: Sequence[Series], collector: Collector) -> tuple[list[str], bool]:
    """(a note for each instrument whose bars ended before the run did, whether one of them is still held).

    What is held there is worth its last price to the end: no bar comes that an exit or its stop could meet.
    """
    end = int(collector.stats().curve.at[-1]) if collector.bars else 0
    notes, stale = [], False
    for each in series:
        name, last = each.instrument.id, int(each.at[-1])
        if last >= end:
            continue
        lots = collector.held(name)
        note = f"{name}: its bars end at {spell_instant(last)}, the run at {spell_instant(end)}"
        if lots:
            stale = True
            size = each.instrument.show_quantity(lots)
            note += f"; a position of {size} stands at the last price since, and no stop or exit can work"
        notes.append(note)
    return notes, stale


def bankrupt(collector: Collector) -> list[str]:
    """A note when equity was ever gone: a real venue liquidates before that, the simulated one does not."""
    curve = collector.stats().curve
    gone = np.flatnonzero(curve.equity <= 0)
    if not gone.size:
        return []
    when = spell_instant(int(curve.at[gone[0]]))
    return [f"equity was gone at {when}: nobody is liquidated here, and no figure after that means anything"]


def nothing_passed(refused: int, by_rule: Mapping[str, int]) -> list[str]:
    """A note for a run that let nothing out: nothing was wanted, or how much was refused, and by what."""
    if not refused:
        return ["no order was ever wanted: the figures are those of doing nothing"]
    rule = max(sorted(by_rule), key=lambda name: by_rule[name])
    return [f"every order was refused: {refused:,} in all, {by_rule[rule]:,} by {rule}"]


def _begin(
    plan: Plan, mode: str, folder: Path, path: Path, observers: Sequence[Observer]
) -> tuple[SqliteJournal, Session]:
    """The open journal and the session over it. Where one of them cannot be, nothing of the run stays.

    Raises InputError for a place where no journal can be written, and what ``build_session`` raises.
    """
    store = None
    try:
        store = open_journal_for(path, mode)
        return store, build_session(plan, mode, store, observers)
    except QuorateError as error:
        if store is not None:
            store.close()
            path.unlink()
        folder.rmdir()
        if isinstance(error, JournalError):
            raise InputError(error.what, where=error.where, todo=error.todo) from error
        raise


def _run(session: Session, plan: Plan) -> tuple[Closed | None, str]:
    """(closing record or None, error): a journal that fails halts the desk, and is told, not raised."""
    try:
        return session.run(plan.opened), ""
    except JournalError as error:
        return None, error.line()


def _keep(folder: Path, result: dict[str, Any]) -> None:
    """Leave result.json; where it cannot be written the result says so itself."""
    text = json.dumps(result, indent=1, sort_keys=True) + "\n"
    try:
        (folder / "result.json").write_text(text, encoding="utf-8")
    except OSError as error:
        result["notes"].append(f"{folder / 'result.json'}: cannot be written: {error.strerror}")


def run_session(
    plan: Plan, mode: str, journal: Journal, observers: Sequence[Observer] = ()
) -> tuple[Collector, Closed | None, str]:
    """(collector, closing record or None, error) of a run into a journal of one's own."""
    collector = Collector(dict(plan.instruments), plan.cash, plan.opened.interval)
    return collector, *_run(build_session(plan, mode, journal, (collector, *observers)), plan)


def run_in_memory(
    plan: Plan, mode: str, observers: Sequence[Observer] = ()
) -> tuple[Collector, MemoryJournal]:
    """A run that leaves nothing on disk: for sweeps, benches and tests. Raises what went wrong."""
    journal = MemoryJournal()
    collector = Collector(dict(plan.instruments), plan.cash, plan.opened.interval)
    build_session(plan, mode, journal, (collector, *observers)).run(plan.opened)
    return collector, journal


def closes_of(series: Sequence[Series]) -> dict[str, Closes]:
    """Closes for baselines and charts, as a holder met them: carried over rolls, in currency."""
    closes: dict[str, Closes] = {}
    for each in series:
        scale = np.full(len(each.close), each.instrument.tick_float)
        for index, old, new in zip(each.rolls.index, each.rolls.old, each.rolls.new, strict=True):
            scale[index:] *= old / new
        rolled = len(each.rolls.index) > 0  # trades are booked at the contracts' own prices
        high, low = (None, None) if rolled else (each.high * scale, each.low * scale)
        closes[each.instrument.id] = Closes(each.at, each.close * scale, high, low)
    return closes


def result_of(
    plan: Plan, mode: str, collector: Collector, analysis: Analysis, run_id: str, journal: Path, head: str
) -> dict[str, Any]:
    """The result object, JSON-ready: everything but how the run ended."""
    opened = plan.opened
    return {
        "run_id": run_id,
        "journal": str(journal.absolute()),
        "head_digest": head,
        "orders_digest": collector.orders_digest,
        "mode": mode,
        "recipe": plan.recipe.name,
        "rulebook": plan.recipe.rulebook,
        "policy": opened.policy,
        "product": opened.product,
        "seed": opened.seed,
        "data": list(opened.data),
        "instruments": list(plan.instruments),
        "interval_ns": opened.interval,
        "cash": str(plan.cash),
        "events": collector.bars,
        "decisions": len(collector.decisions),
        "orders": len(collector.approved),
        "fills": len(collector.fills),
        "vetoes": len(collector.vetoes),
        "halts": collector.halts,
        "operator_acts": [
            {"at": spell_instant(act.at), "act": "resume", "who": list(act.principals), "why": act.reason}
            for act in collector.resumes
        ],
        "silenced": [f"{each.agent}: {each.reason}" for each in collector.silenced],
        "trust_level": min([opened.trust_level, *(each.level for each in collector.degraded)], key=_trust),
        "metrics": msgspec.to_builtins(analysis.metrics),
        "statistics": dict(analysis.statistics),
        "intervals": msgspec.to_builtins(dict(analysis.spreads)),
        "targets": msgspec.to_builtins(analysis.targets),
        "baselines": msgspec.to_builtins(analysis.baselines),
        "attribution": msgspec.to_builtins(analysis.attribution),
        "config": opened.recipe,
        "limits": opened.rulebook,
    }


def _trust(level: str) -> int:
    return -ord(level)
