"""Rulebooks are strict, explained, and hold the numbers they are known for."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quorate.core.canon import read, spell
from quorate.core.errors import ConfigError
from quorate.core.money import Money
from quorate.shield.mint import Mint
from quorate.shield.rulebook import Rulebook, explain, parse
from quorate.shield.shield import Shield
from tests.shield_support import KEY, PROFILES, Desk, plain, rulebook


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_reads_explains_and_comes_back(name: str) -> None:
    book = rulebook(name)
    assert book.name == name
    assert parse(book.plain()) == book == read(Rulebook, spell(book))
    for each in explain(book):
        assert each.unit and each.why.endswith(".") and len(each.why) > 20, each
    keys = {each.key for each in explain(book)}
    assert len(keys) == 24 and {"exposure.net_share", "losses.hour_share"} <= keys


def test_the_numbers_people_rely_on() -> None:
    balanced, small = rulebook("balanced"), rulebook("conservative-small")
    assert balanced.exposure.position_share == Decimal("0.15")
    assert [balanced.exposure.gross_share, balanced.exposure.net_share] == [Decimal(1), Decimal("0.6")]
    assert (balanced.risk.trade_share, balanced.losses.day_share) == (Decimal("0.02"), Decimal("0.1"))
    assert [balanced.futures.contracts_max, balanced.exposure.leverage_max] == [5, Decimal(1)]
    assert [small.exposure.trade_money, small.exposure.gross_money] == [Decimal(15), Decimal(50)]
    assert [small.exposure.positions_max, small.losses.day_money] == [3, Decimal(10)]
    assert all(rulebook(name).losses.hour_share == Decimal("0.03") for name in PROFILES)


def test_unknown_keys_name_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"rulebook.losses: unknown key 'daily_share' .*'day_share'"):
        parse({**plain("balanced"), "losses": {**plain("balanced")["losses"], "daily_share": 1}})
    with pytest.raises(ConfigError, match=r"unknown key 'loses'.*'losses'"):
        parse({**plain("balanced"), "loses": {}})


@pytest.mark.parametrize(
    "change",
    [
        {"exposure__position_share": Decimal("0.51")},
        {"exposure__leverage_max": 11},
        {"risk__trade_share": Decimal("0.021")},
        {"losses__day_share": Decimal("NaN")},
        {"losses__hour_share": Decimal("Infinity")},
        {"losses__drawdown_share": 0},
        {"futures__contracts_max": -1},
        {"futures__contracts_max": "5 BTC"},
        {"rate__duplicate_window_s": True},
        {"approval_ttl_s": 0},
        {"exposure__trade_money": 15},
    ],
)
def test_limits_out_of_range_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        rulebook("balanced", **change)


def test_a_missing_limit_is_refused() -> None:
    tree = plain("balanced")
    del tree["losses"]["hour_share"]
    with pytest.raises(ConfigError, match="hour_share"):
        parse(tree)


def test_15_usd_is_not_15_btc() -> None:
    desk = Desk()
    desk.account.currency = "BTC"
    with pytest.raises(ConfigError, match=r"exposure.trade_money is meant in USD, .*the account is in BTC"):
        Shield(rulebook("conservative-small"), desk.account, desk.instruments, Mint(KEY))
    assert Money.of(15, "USD").scale in rulebook("conservative-small").currencies


def test_the_policy_digest_follows_every_number_and_rule() -> None:
    base = Desk().shield.policy
    assert len(base) == 64 and base == Desk().shield.policy
    assert base != Desk(rules=rulebook(losses__streak_max=4)).shield.policy
