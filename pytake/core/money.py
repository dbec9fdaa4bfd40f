"""Numbers as Brazilians read them."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

# More digits than any number that is read (40) with those shown after the comma.
_EXACT: Final = Context(prec=400)


def format_number(value: Decimal, digits: int = 2) -> str:
    """Return 1234.5 as 1.234,50."""
    rounded = value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, _EXACT)
    return f"{rounded:,.{digits}f}".replace(",", " ").replace(".", ",").replace(" ", ".")


def format_currency(value: Decimal) -> str:
    """Return 1234.5 as R$ 1.234,50."""
    return f"R$ {format_number(value)}"
