"""The management side of the Cloud API: what WhatsApp keeps of a number, read and written. A few calls a person."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import orjson
from django.utils.translation import gettext_lazy as _
from yarl import URL

from pytake.core.errors import DomainError

ANSWER_MAX: Final = 512 * 1024
TIMEOUT: Final = aiohttp.ClientTimeout(total=15, sock_connect=5)
PAGES_MAX: Final = 5
NUMBER_FIELDS: Final = (
    "display_phone_number,verified_name,quality_rating,code_verification_status,platform_type,throughput,status,"
    "name_status,account_mode,whatsapp_business_manager_messaging_limit,webhook_configuration,health_status"
)
PROFILE_FIELDS: Final = "about,address,description,email,profile_picture_url,websites,vertical"


class ProviderError(DomainError):
    """WhatsApp could not be asked, or refused. `number` is its error code; None: there was no answer that tells."""

    code = "PROVIDER_ERROR"
    status = 502
    kind = "provider"

    def __init__(self, message: object, *, number: int | None = None, subcode: int = 0, detail: str = "") -> None:
        super().__init__(message, extra=None if number is None else {"provider_code": number})
        self.number = number
        self.subcode = subcode
        self.detail = detail[:300]

    @property
    def is_refusal(self) -> bool:
        """Return whether WhatsApp answered, so that asking again changes nothing."""
        return self.number is not None


class Management:
    """Calls with one token. With the app's secret every call carries the proof that the token is of that app."""

    def __init__(self, *, base_url: str, version: str, token: str, app_secret: str = "") -> None:
        self._base = f"{base_url}/{version}"
        self._token = token
        self._proof = hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest() if app_secret else ""

    def number(self, phone_number_id: str) -> dict[str, Any]:
        """Return what WhatsApp shows of a number."""
        return self._call("GET", phone_number_id, query={"fields": NUMBER_FIELDS})

    def numbers_of(self, account_id: str) -> list[str]:
        """Return the ids of an account's numbers."""
        found: list[str] = []
        query = {"fields": "id", "limit": "100"}
        for _page in range(PAGES_MAX):
            answer = self._call("GET", f"{account_id}/phone_numbers", query=query)
            found += [str(row["id"]) for row in _rows(answer) if "id" in row]
            paging = answer.get("paging")
            paging = paging if isinstance(paging, dict) else {}
            after = (paging.get("cursors") or {}).get("after")
            if not paging.get("next") or not after:
                break
            query["after"] = str(after)
        return found

    def portfolio_of(self, account_id: str) -> str:
        """Return the id of the business portfolio that owns an account; empty when WhatsApp does not say."""
        owner = self._call("GET", account_id, query={"fields": "owner_business_info"}).get("owner_business_info")
        return str(owner.get("id") or "")[:32] if isinstance(owner, dict) else ""

    def token_facts(self) -> dict[str, Any]:
        """Return what WhatsApp knows of the token: is_valid, scopes, expires_at, app_id."""
        answer = self._call("GET", "debug_token", query={"input_token": self._token})
        data = answer.get("data")
        return data if isinstance(data, dict) else {}

    def profile(self, phone_number_id: str) -> dict[str, Any]:
        """Return the business profile."""
        answer = self._call("GET", f"{phone_number_id}/whatsapp_business_profile", query={"fields": PROFILE_FIELDS})
        rows = _rows(answer)
        return rows[0] if rows else {}

    def change_profile(self, phone_number_id: str, values: Mapping[str, Any]) -> None:
        """Write the business profile."""
        body = {"messaging_product": "whatsapp", **values}
        self._call("POST", f"{phone_number_id}/whatsapp_business_profile", body=body)

    def subscribe(self, account_id: str, *, callback: str, verify_token: str) -> None:
        """Have the account's webhooks sent to `callback`, which WhatsApp verifies at once."""
        body = {"override_callback_uri": callback, "verify_token": verify_token}
        self._call("POST", f"{account_id}/subscribed_apps", body=body)

    def _call(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        # An id is one segment of the path: with anything else in it, it would choose another address.
        if not all(part.replace("_", "").isalnum() for part in path.split("/")):
            raise ProviderError(_("WhatsApp does not know this id."), number=100, subcode=33)
        parameters = dict(query or {}) | ({"appsecret_proof": self._proof} if self._proof else {})
        url = URL(f"{self._base}/{path}").with_query(parameters)
        return asyncio.run(self._ask(method, url, body))

    async def _ask(self, method: str, url: URL, body: Mapping[str, Any] | None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "User-Agent": "PyTake"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = orjson.dumps(body)
        try:
            async with (
                aiohttp.ClientSession(timeout=TIMEOUT, trust_env=False, headers=headers) as session,
                session.request(method, url, data=data, allow_redirects=False) as response,
            ):
                return _read(response.status, await response.content.read(ANSWER_MAX))
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise ProviderError(
                _("WhatsApp did not answer. Try again in a moment."), detail=type(exc).__name__
            ) from exc


def _read(status: int, raw: bytes) -> dict[str, Any]:
    try:
        answer: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        answer = None
    if 200 <= status < 300 and isinstance(answer, dict):
        return answer
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        raise ProviderError(_("WhatsApp did not answer. Try again in a moment."), detail=f"HTTP {status}")
    number, subcode = error.get("code"), error.get("error_subcode")
    detail = str(error.get("error_user_msg") or error.get("message") or "")
    raise ProviderError(
        _("WhatsApp refused: %(detail)s") % {"detail": detail[:300]},
        number=number if isinstance(number, int) else None,
        subcode=subcode if isinstance(subcode, int) else 0,
        detail=detail,
    )


def _rows(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = answer.get("data")
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
