"""What a file's or a column's name says about the instrument in it: id, kind, currency, futures root."""

from __future__ import annotations

import re
from dataclasses import dataclass

from quorate.core.instrument import Kind

# Currency per point of the index or unit of the price, by CME Group's and CFE's contract specifications.
MULTIPLIERS = {
    "ES": "50", "MES": "5", "NQ": "20", "MNQ": "2", "YM": "5", "MYM": "0.5", "RTY": "50", "M2K": "5",
    "VX": "1000",
    "CL": "1000", "MCL": "100", "NG": "10000", "GC": "100", "MGC": "10", "SI": "5000", "HG": "25000",
    "ZN": "1000", "ZB": "1000", "ZF": "1000", "ZT": "2000", "ZC": "50", "ZS": "50", "ZW": "50",
    "6E": "125000", "6B": "62500", "6J": "12500000", "6A": "100000", "6C": "100000", "6S": "125000",
}  # fmt: skip
INDICES = frozenset({"SPX", "NDX", "DJI", "RUT", "VIX", "DAX", "FTSE", "N225"})

_FIAT = frozenset(
    {
        "USD", "EUR", "GBP", "JPY", "CHF", "AUD", "NZD", "CAD", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF",
        "CNH", "HKD", "SGD", "ZAR", "MXN", "TRY",
    }
)  # fmt: skip
_COINS = frozenset(
    {
        "BTC", "XBT", "ETH", "SOL", "XRP", "ADA", "DOGE", "LINK", "LTC", "BCH", "BNB", "DOT", "ATOM", "AVAX",
        "TRX", "SUI", "NEAR", "APT", "MATIC", "UNI", "XLM", "ETC", "FIL", "ARB", "OP",
    }
)  # fmt: skip
_STABLE = "USDT|USDC|BUSD|FDUSD|TUSD"
_STABLE_PAIR = re.compile(rf"([A-Z0-9]{{1,10}}?)({_STABLE})")
_COIN_PAIR = re.compile(r"([A-Z]{3,5})(USD|EUR|GBP|BTC|ETH|BNB)")
_COIN_QUOTES = frozenset([*_STABLE.split("|"), "USD", "EUR", "GBP", "BTC", "ETH", "BNB"])
_FUTURE = re.compile(
    rf"({'|'.join(sorted(MULTIPLIERS, key=len, reverse=True))})(\d?!?|[FGHJKMNQUVXZ]\d{{1,4}})"
)
_PERPETUAL = frozenset({"perp", "perpetual", "perps", "swap", "usdm", "futures", "fut"})
_STOCKS = frozenset({"equities", "equity", "stocks", "stock", "etfs", "etf"})
_SHARE = re.compile(r"[A-Z]{1,5}")
_SPLIT = re.compile(r"[_\-. ]+")


@dataclass(frozen=True)
class Guess:
    """Who an instrument seems to be; ``certain`` is False where nothing in its name was known."""

    id: str
    kind: Kind
    currency: str
    root: str = ""
    certain: bool = True


def guess_file(name: str, folder: str) -> Guess:
    """From a file's name and the name of the folder it lies in."""
    words = [word for word in _SPLIT.split(name.split("/")[-1]) if word]
    hints = frozenset(word.lower() for word in (*words, *_SPLIT.split(folder)))
    stocks = bool(hints & _STOCKS)
    for place, word in enumerate(words):
        following = words[place + 1].upper() if place + 1 < len(words) else ""
        found = _pair(word.upper(), following, perpetual=bool(hints & _PERPETUAL))
        if found is None and not stocks:
            found = _future(word)
        if found is not None:
            return found
    share = next((word for word in words if _SHARE.fullmatch(word)), None)
    if share is not None:
        return Guess(share, Kind.EQUITY, "USD")
    return Guess((words[0] if words else "DATA").upper(), Kind.EQUITY, "USD", certain=False)


def guess_label(label: str, file: Guess | None) -> Guess:
    """From a ticker, or from a contract's name within a file whose own guess is given."""
    found = _pair(label.upper(), "", perpetual=False) or (
        _coin(label) if file is None or not file.certain else None
    )
    if found is None and file is not None:
        found = _future(label)
        if found is None and file.certain and not _SHARE.fullmatch(label):
            return Guess(f"{file.id}-{label}", file.kind, file.currency, file.root)
    return found or _coin(label) or Guess(label, Kind.EQUITY, "USD", certain=bool(_SHARE.fullmatch(label)))


def _pair(word: str, following: str, *, perpetual: bool) -> Guess | None:
    """A currency or crypto pair in one word or two; a coin followed by PERP."""
    coins = Kind.PERPETUAL if perpetual else Kind.SPOT
    if len(word) == 6 and word[:3] in _FIAT and word[3:] in _FIAT:
        return Guess(word, Kind.FX, word[3:])
    if word in _FIAT and following in _FIAT:
        return Guess(word + following, Kind.FX, following)
    stable = _STABLE_PAIR.fullmatch(word)
    if stable:
        return Guess(word, coins, stable[2])
    pair = _COIN_PAIR.fullmatch(word)
    if pair and pair[1] in _COINS:
        return Guess(word, coins, pair[2])
    if word in _COINS and following in _COIN_QUOTES:
        return Guess(word + following, coins, following)
    if word in _COINS and following == "PERP":
        return Guess(f"{word}-PERP", Kind.PERPETUAL, "USD")
    return None


def _coin(label: str) -> Guess | None:
    return Guess(label, Kind.SPOT, "USD") if label in _COINS else None


def _future(word: str) -> Guess | None:
    match = _FUTURE.fullmatch(word)
    return (
        Guess(word.rstrip("1!") if "!" in word else word, Kind.FUTURE, "USD", root=match[1])
        if match
        else None
    )
