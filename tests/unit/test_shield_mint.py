"""The gate lets through exactly what the mint sealed, fresh, once, for its own record."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from quorate.core.errors import ConfigError, SealError
from quorate.core.order import ApprovedOrder, Side, Verdict
from quorate.shield.mint import Gate, Mint
from tests.shield_support import KEY, Desk

AT, TTL = 1_000, 50


def sealed(mint: Mint, nonce: int = 7) -> ApprovedOrder:
    return mint.approve(AT, Desk().order(), Verdict(True, (), "B"), "policy", nonce, TTL)


def test_a_sealed_order_passes_once() -> None:
    mint = Mint(KEY)
    order = sealed(mint)
    assert order.expires_at == AT + TTL
    mint.gate().check(order, now=AT + TTL, record=7)
    with pytest.raises(SealError, match="replayed"):
        mint.gate().check(order, now=AT, record=7)
    mint.gate().check(sealed(mint, 9), now=AT, record=9)
    with pytest.raises(SealError, match="replayed"):
        mint.gate().check(sealed(mint, 8), now=AT, record=8)


@pytest.mark.parametrize(
    "change",
    [
        {"at": AT - 1},
        {"policy": "other"},
        {"expires_at": AT + TTL + 1},
        {"nonce": 8},
        {"verdict": Verdict(True, (), "A")},
        {"seal": bytes(32)},
        {"seal": b"short"},
    ],
)
def test_any_altered_field_is_refused(change: dict[str, Any]) -> None:
    mint = Mint(KEY)
    order = msgspec.structs.replace(sealed(mint), **change)
    with pytest.raises(SealError, match="altered"):
        mint.gate().check(order, now=AT, record=order.nonce)


def test_an_altered_order_inside_is_refused() -> None:
    mint = Mint(KEY)
    good = sealed(mint)
    for change in ({"side": Side.SELL}, {"quantity": Desk().instruments["AAA"].quantity(101)}):
        bad = msgspec.structs.replace(good, order=msgspec.structs.replace(good.order, **change))
        with pytest.raises(SealError, match="altered"):
            mint.gate().check(bad, now=AT, record=7)
    mint.gate().check(good, now=AT, record=7)  # refusals use up no nonce


def test_unsealed_stale_second_hand_and_other_types() -> None:
    mint = Mint(KEY)
    order = sealed(mint)
    gate = mint.gate()
    with pytest.raises(SealError, match="unsealed"):
        gate.check(order.unsealed(), now=AT, record=7)
    with pytest.raises(SealError, match="stale"):
        gate.check(order, now=AT + TTL + 1, record=7)
    with pytest.raises(SealError, match="stale"):
        gate.check(order, now=AT - 1, record=7)
    with pytest.raises(SealError, match="second-hand"):
        gate.check(order, now=AT, record=8)
    with pytest.raises(SealError, match="second-hand"):
        gate.check(sealed(Mint(KEY[::-1])), now=AT, record=7)
    for other in (order.order, None, "order"):
        with pytest.raises(SealError, match="not an ApprovedOrder"):
            gate.check(other, now=AT, record=7)  # type: ignore[arg-type]


def test_a_refused_order_cannot_be_sealed_and_keys_have_32_bytes() -> None:
    with pytest.raises(SealError, match="refused"):
        Mint(KEY).approve(AT, Desk().order(), Verdict(False, (), "B"), "policy", 1, TTL)
    with pytest.raises(ConfigError, match="32"):
        Mint(b"short")
    assert KEY.hex() not in repr(Mint(KEY)) + repr(Mint(KEY).gate())


def test_one_mint_has_one_gate() -> None:
    mint = Mint(KEY)
    mint.gate().check(sealed(mint), now=AT, record=7)
    with pytest.raises(SealError, match="replayed"):
        mint.gate().check(sealed(mint), now=AT, record=7)


class Forgetful(Gate):
    """A planted defect: a gate without the nonce check."""

    def check(self, approved: ApprovedOrder, *, now: int, record: int) -> None:
        self._last = -1
        super().check(approved, now=now, record=record)


def replay_is_refused(gate: Gate, order: ApprovedOrder) -> bool:
    gate.check(order, now=AT, record=order.nonce)
    try:
        gate.check(order, now=AT, record=order.nonce)
    except SealError:
        return True
    return False


def test_the_replay_check_catches_a_gate_without_nonces() -> None:
    order = sealed(Mint(KEY))
    assert replay_is_refused(Gate(KEY), order)
    assert not replay_is_refused(Forgetful(KEY), order)
