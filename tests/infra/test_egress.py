"""Addresses that tenants choose lead nowhere inside, in whatever way they are written."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from pytest_django import Settings

from pytake.infra import egress


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("http://127.0.0.1/", "private_address"),
        ("http://10.1.2.3:8080/", "private_address"),
        ("http://169.254.169.254/latest/meta-data", "private_address"),
        ("http://[::1]/", "private_address"),
        ("http://[::ffff:10.0.0.1]/", "private_address"),
        ("http://[fe80::1]/", "private_address"),
        ("http://224.0.0.1/", "private_address"),
        ("http://0.0.0.0/", "private_address"),
        ("http://0127.0.0.1/", "odd_address"),
        ("http://0x7f.1/", "odd_address"),
        ("http://2130706433/", "odd_address"),
        ("http://127.1/", "odd_address"),
        ("ftp://example.com/", "odd_address"),
        ("file:///etc/passwd", "odd_address"),
        ("http://user:secret@example.com/", "odd_address"),
        ("//example.com", "odd_address"),
        ("", "odd_address"),
        ("https://example.com:25/", "odd_port"),
    ],
)
def test_addresses_that_are_refused(address: str, code: str) -> None:
    with pytest.raises(egress.EgressError) as refused:
        egress.checked(address)

    assert refused.value.code == code


@pytest.mark.parametrize("address", ["https://example.com/", "http://example.com:8080/evo", "https://93.184.216.34/"])
def test_addresses_that_may_be_called(address: str) -> None:
    assert str(egress.checked(address)) == address


def test_names_that_lead_inside_are_refused_when_they_are_used() -> None:
    async def call() -> None:
        url = egress.checked("http://localhost:8099/")
        async with aiohttp.ClientSession(connector=egress.connector(url)) as session:
            await session.get(url)

    with pytest.raises(egress.EgressError, match="private_address"):
        asyncio.run(call())


def test_the_operator_may_list_an_origin_inside(settings: Settings) -> None:
    settings.EGRESS_ALLOWED_ORIGINS = ["http://10.0.0.5:8080"]

    assert egress.checked("http://10.0.0.5:8080/evolution").host == "10.0.0.5"
    with pytest.raises(egress.EgressError):
        egress.checked("http://10.0.0.5:8081/")
    with pytest.raises(egress.EgressError):
        egress.checked("https://10.0.0.5:8080/")
