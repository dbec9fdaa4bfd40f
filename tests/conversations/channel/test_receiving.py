"""The webhook's door: handshake, signature, size, and what is stored."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.conf import settings as our_settings
from django.test import Client
from prometheus_client import REGISTRY
from pytest_django import Settings

from conversations import numbers
from conversations.models import WebhookEvent, WhatsAppNumber
from pytake.accounts.models import Organization, User
from pytake.infra import tenancy
from tests.conversations.channel.conftest import (
    PATH,
    SECRET,
    Provider,
    add_number,
    change,
    encode,
    envelope,
    process,
    sign,
    text,
)

pytestmark = pytest.mark.django_db

# Appendix A of the provider's fact sheet.
EMPTY = b'{"object":"whatsapp_business_account","entry":[]}'
EMPTY_SIGNATURE = "sha256=275af952eec474085dbc2a495f1bebc95da37c58d5b6f12e6979c3622c407c57"
ESCAPED = (
    rb'{"object":"whatsapp_business_account","entry":[{"id":"200000000000001","changes":[{"field":"messages",'
    rb'"value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"551140040001",'
    rb'"phone_number_id":"100000000000001"},"contacts":[{"profile":{"name":"Jos\u00e9"},"wa_id":"5511987650001"}],'
    rb'"messages":[{"from":"5511987650001","id":"wamid.TEST0001","timestamp":"1795000000","type":"text",'
    rb'"text":{"body":"Ol\u00e1 https:\/\/example.com \ud83d\ude00"}}]}}]}]}'
)
ESCAPED_SIGNATURE = "sha256=448104e4d6da4aeb46e3041f7d80fb0715c39a7d13d0f1853faf50c912b92409"


def counted(result: str) -> float:
    return REGISTRY.get_sample_value("pytake_webhooks_total", {"result": result}) or 0.0


def handshake(path: str = PATH, **query: str) -> tuple[int, bytes, str]:
    response = Client().get(path, {f"hub.{key}": value for key, value in query.items()})
    return response.status_code, response.content, response.headers["Content-Type"]


# --- handshake --------------------------------------------------------------------------------


def test_each_number_s_token_answers_the_handshake_with_the_bare_challenge(provider: Provider) -> None:
    add_number(numbers_organization(), phone_id="100000000000002")
    for phone_id in ("100000000000001", "100000000000002"):
        status, body, kind = handshake(mode="subscribe", verify_token=f"verify-{phone_id}", challenge="1158201444")
        assert (status, body) == (200, b"1158201444")
        assert kind.startswith("text/plain")


def numbers_organization() -> Organization:
    return Organization.objects.get(name="Clínica Aurora")


@pytest.mark.parametrize("path", ["/api/v1/webhooks/meta", "/api/v1/webhooks/meta/verify"])
def test_the_handshake_works_at_the_other_paths(provider: Provider, path: str) -> None:
    answer = handshake(path, mode="subscribe", verify_token="verify-100000000000001", challenge="7")
    assert answer[:2] == (200, b"7")


def test_the_platform_s_token_is_accepted_too(provider: Provider, settings: Settings) -> None:
    settings.WEBHOOK_VERIFY_TOKEN = "platform"
    assert handshake(mode="subscribe", verify_token="platform", challenge="7")[:2] == (200, b"7")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"mode": "subscribe", "verify_token": "wrong", "challenge": "7"}, 403, "WEBHOOK_INVALID_TOKEN"),
        ({"mode": "subscribe", "verify_token": "", "challenge": "7"}, 403, "WEBHOOK_INVALID_TOKEN"),
        ({"mode": "subscribe", "verify_token": "é\0", "challenge": "7"}, 403, "WEBHOOK_INVALID_TOKEN"),
        ({"mode": "other", "verify_token": "verify-100000000000001", "challenge": "7"}, 400, "WEBHOOK_INVALID_MODE"),
        ({"mode": "subscribe", "challenge": "7"}, 400, "WEBHOOK_INVALID_MODE"),
        ({"mode": "subscribe", "verify_token": "verify-100000000000001"}, 400, "WEBHOOK_INVALID_MODE"),
        ({}, 400, "WEBHOOK_INVALID_MODE"),
    ],
)
def test_a_handshake_that_is_not_ours_is_refused(
    provider: Provider, query: dict[str, str], status: int, code: str
) -> None:
    answered, body, _ = handshake(**query)
    assert (answered, json.loads(body)["error"]["code"]) == (status, code)


def test_a_deactivated_number_s_token_is_refused(provider: Provider, number: WhatsAppNumber) -> None:
    WhatsAppNumber.objects.filter(pk=number.pk).update(is_active=False)
    assert handshake(mode="subscribe", verify_token="verify-100000000000001", challenge="7")[0] == 403


def test_the_challenge_is_never_html(provider: Provider) -> None:
    challenge = "<script>alert(1)</script>"
    _, body, kind = handshake(mode="subscribe", verify_token="verify-100000000000001", challenge=challenge)
    assert (body.decode(), kind.split(";")[0]) == (challenge, "text/plain")


# --- signature --------------------------------------------------------------------------------


@pytest.mark.parametrize(("raw", "signature"), [(EMPTY, EMPTY_SIGNATURE), (ESCAPED, ESCAPED_SIGNATURE)])
def test_the_reference_vectors_are_accepted_and_stored_byte_for_byte(
    provider: Provider, raw: bytes, signature: str
) -> None:
    assert len(raw) in {49, 465}
    response = provider.post_raw(raw, signature=signature)

    assert (response.status_code, json.loads(response.content)) == (200, {"status": "received"})
    event = WebhookEvent.objects.get()
    assert (bytes(event.raw_body), event.state) == (raw, "new")


@pytest.mark.parametrize("separators", [(",", ":"), None])
def test_the_same_json_written_again_does_not_fit_the_signature(
    provider: Provider, separators: tuple[str, str] | None
) -> None:
    again = json.dumps(json.loads(ESCAPED), ensure_ascii=separators is None, separators=separators).encode()
    assert len(again) in {447, 496}
    assert provider.post_raw(again, signature=ESCAPED_SIGNATURE).status_code == 401


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha1=" + "0" * 40,
        EMPTY_SIGNATURE[:-1],
        EMPTY_SIGNATURE + "0",
        EMPTY_SIGNATURE.removeprefix("sha256="),
        "sha256=" + "g" * 64,
        "sha256=" + "0" * 64,
        EMPTY_SIGNATURE + "\n",
        sign(EMPTY, "another-secret"),
        sign(EMPTY, ""),
    ],
)
def test_a_wrong_signature_is_refused_counted_and_not_stored(provider: Provider, signature: str) -> None:
    before = counted("bad_signature")

    response = provider.post_raw(EMPTY, signature=signature)

    assert response.status_code == 401
    assert json.loads(response.content)["error"]["code"] == "WEBHOOK_INVALID_SIGNATURE"
    assert counted("bad_signature") == before + 1
    assert not WebhookEvent.objects.exists()


def test_a_missing_signature_is_refused_and_counted(provider: Provider) -> None:
    before = counted("bad_signature")
    assert Client().post(PATH, EMPTY, content_type="application/json").status_code == 401
    assert counted("bad_signature") == before + 1


def test_one_altered_byte_is_refused(provider: Provider) -> None:
    assert (
        provider.post_raw(
            ESCAPED.replace(b"wamid.TEST0001", b"wamid.TEST0002"), signature=ESCAPED_SIGNATURE
        ).status_code
        == 401
    )


def test_an_upper_case_digest_is_the_same_digest(provider: Provider) -> None:
    shouted = "sha256=" + EMPTY_SIGNATURE.removeprefix("sha256=").upper()
    assert provider.post_raw(EMPTY, signature=shouted).status_code == 200


def test_an_empty_body_with_its_digest_is_stored(provider: Provider) -> None:
    assert provider.post_raw(b"").status_code == 200
    assert bytes(WebhookEvent.objects.get().raw_body) == b""


def test_the_previous_secret_stays_valid_and_the_one_before_does_not(
    provider: Provider, number: WhatsAppNumber
) -> None:
    body = encode(envelope(change(messages=[text("wamid.A")])))
    for secret in ("second", "third"):
        numbers.set_secrets(number, app_secret=secret)
        number.save()
    assert [provider.post_raw(body, secret=secret).status_code for secret in ("third", "second", SECRET)] == [
        200,
        200,
        401,
    ]


def test_another_number_s_secret_does_not_open_this_number(
    provider: Provider, other_organization: Organization
) -> None:
    add_number(other_organization, phone_id="100000000000009", secret="their-secret")
    body = encode(envelope(change(messages=[text("wamid.A")])))
    assert provider.post_raw(body, secret="their-secret").status_code == 401


def test_a_number_without_a_secret_accepts_nothing(provider: Provider, number: WhatsAppNumber) -> None:
    WhatsAppNumber.objects.filter(pk=number.pk).update(app_secret_envelopes=[])
    body = encode(envelope(change(messages=[text("wamid.A")])))
    assert [provider.post_raw(body, secret=secret).status_code for secret in (SECRET, "")] == [401, 401]


def test_another_organization_s_unreadable_secret_harms_nobody_else(
    provider: Provider, other_organization: Organization
) -> None:
    theirs = add_number(other_organization, phone_id="100000000000009", secret="their-secret")
    with tenancy.organization_context(other_organization.pk):
        WhatsAppNumber.objects.filter(pk=theirs.pk).update(
            app_secret_envelopes=["rubbish"], verify_token_envelope="rubbish"
        )
    numbers.forget()

    assert provider.post_raw(EMPTY).status_code == 200
    assert handshake(mode="subscribe", verify_token="verify-100000000000001", challenge="7")[0] == 200
    body = encode(envelope(change(phone_id="100000000000009", messages=[text("wamid.A")])))
    assert provider.post_raw(body, secret="their-secret").status_code == 401


# --- size -------------------------------------------------------------------------------------


class Unreadable:
    """A body that must not be asked for."""

    def read(self, *_: int) -> bytes:
        raise AssertionError("the body was read")

    readline = read


def refused_unread(length: str, signature: str) -> int:
    extra = {"CONTENT_LENGTH": length, "HTTP_X_HUB_SIGNATURE_256": signature, "wsgi.input": Unreadable()}
    response = Client().generic("POST", PATH, b"", content_type="application/json", **extra)  # type: ignore[arg-type]  # WSGI's environment
    return int(response.status_code)


def test_unsigned_and_oversized_bodies_are_refused_without_being_read(provider: Provider) -> None:
    too_long = str(our_settings.WEBHOOK_MAX_BYTES + 1)
    assert refused_unread("100", "") == 401
    assert refused_unread(too_long, "") == 401
    assert refused_unread(too_long, EMPTY_SIGNATURE) == 413
    assert refused_unread("", EMPTY_SIGNATURE) == 411
    assert refused_unread("-5", EMPTY_SIGNATURE) == 411
    assert not WebhookEvent.objects.exists()


def test_the_largest_batch_of_the_provider_is_taken(provider: Provider) -> None:
    raw = encode(envelope(change(messages=[text("wamid.A", "x" * (3 * 1024 * 1024))])))
    assert provider.post_raw(raw).status_code == 200
    assert len(bytes(WebhookEvent.objects.get().raw_body)) == len(raw)


def test_a_forged_body_cannot_have_thousands_of_numbers_looked_up(provider: Provider) -> None:
    many = [{"phone_number_id": str(200000000000000 + key)} for key in range(5000)]

    assert provider.post_raw(encode({"entry": many}), secret="wrong").status_code == 401
    assert len(numbers._cache) <= 1000


def test_large_bodies_for_nobody_are_not_tried_with_every_secret(
    provider: Provider, other_organization: Organization
) -> None:
    for key in range(20):
        add_number(other_organization, phone_id=str(300000000000000 + key), secret=f"secret-{key}")
    short, long = (encode({"entry": [], "text": "x" * length}) for length in (1000, 4_000_000))

    assert provider.post_raw(short, secret="secret-19").status_code == 200
    assert provider.post_raw(long, secret="secret-19").status_code == 401


# --- what operators see -----------------------------------------------------------------------


@pytest.mark.parametrize("raw", [b"", b"{", b"null", b"[]", b'"text"', b'{"entry":{}}', b"\xff\xfe\x00", b"\0" * 20])
def test_what_is_not_json_is_stored_answered_and_shown_to_operators(
    provider: Provider, raw: bytes, admin: User, client_as: Callable[[User], Client]
) -> None:
    assert provider.post_raw(raw).status_code == 200

    process()

    event = WebhookEvent.objects.get()
    assert (event.state, bytes(event.raw_body)) == ("dead", raw)
    assert event.error
    page = client_as(admin).get("/admin/conversations/webhookevent/?state__exact=dead")
    assert page.status_code == 200
    assert f"/admin/conversations/webhookevent/{event.pk}/change/" in page.content.decode()
