"""Brazilian documents: CPF, CNPJ (also alphanumeric, from July 2026), CEP, with their check digits.

Source of the alphanumeric CNPJ: Receita Federal, Instrução Normativa RFB 2.229/2024.
"""

from __future__ import annotations

import re
from typing import Final

_CPF: Final = re.compile(r"[0-9]{11}")
_CNPJ: Final = re.compile(r"[A-Z0-9]{12}[0-9]{2}")
_CEP: Final = re.compile(r"[0-9]{8}")


def _check_digit(values: list[int], weights: list[int]) -> int:
    rest = sum(value * weight for value, weight in zip(values, weights, strict=True)) % 11
    return 0 if rest < 2 else 11 - rest


def cpf(text: str) -> str | None:
    """Return the eleven digits of a valid CPF, else None."""
    digits = re.sub(r"[.\-/\s]", "", text)
    if not _CPF.fullmatch(digits) or len(set(digits)) == 1:
        return None
    values = [int(digit) for digit in digits]
    first = _check_digit(values[:9], list(range(10, 1, -1)))
    second = _check_digit(values[:10], list(range(11, 1, -1)))
    return digits if values[9:] == [first, second] else None


def cnpj(text: str) -> str | None:
    """Return the fourteen characters of a valid CNPJ (letters allowed before the check digits), else None."""
    code = re.sub(r"[.\-/\s]", "", text).upper()
    if not _CNPJ.fullmatch(code) or len(set(code)) == 1:
        return None
    values = [ord(letter) - 48 for letter in code]
    first = _check_digit(values[:12], [5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
    second = _check_digit(values[:13], [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
    return code if values[12:] == [first, second] else None


def cep(text: str) -> str | None:
    """Return the eight digits of a postal code, else None."""
    digits = re.sub(r"[.\-\s]", "", text)
    return digits if _CEP.fullmatch(digits) and digits != "00000000" else None


def format_cpf(text: str) -> str:
    """Return 12345678909 as 123.456.789-09; other texts unchanged."""
    digits = re.sub(r"[^0-9]", "", text)
    return f"{digits[:3]}.{digits[3:6]}.{digits[6:9]}-{digits[9:]}" if len(digits) == 11 else text
