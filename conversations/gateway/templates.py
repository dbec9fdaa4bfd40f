"""Managing message templates at the Cloud API: list by pages, create, edit, delete, release from a pause.

Every failure is a TemplateApiError that says what it means for the caller, not only how it was worded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import orjson
from yarl import URL

Json = dict[str, Any]
FIELDS: Final = "id,name,status,category,language,components,quality_score,rejected_reason,parameter_format"
PAGE: Final = 100
TIMEOUT: Final = aiohttp.ClientTimeout(total=25, sock_connect=5)
ANSWER_MAX: Final = 16 * 1024 * 1024
NAME_TAKEN: Final = 2388024
_LIMITED: Final = frozenset({4, 17, 32, 613, 80007, 80008})
_TOKEN: Final = frozenset({0, 10, 102, 190, 200})
_CURSOR: Final = 131059
_UNKNOWN_OBJECT: Final = 33
_NOT_FOUND: Final = frozenset({2593002, _UNKNOWN_OBJECT})
_WAIT_S: Final = 900.0


class TemplateApiError(Exception):
    """Why it did not work. `kind`: token, limited (`wait_s` says for how long), gone, cursor, refused, away.

    `said` is the provider's own sentence for people, if it gave one. `is_unknown`: it may have been done all the same.
    """

    def __init__(
        self, kind: str, detail: str, *, code: int = 0, subcode: int = 0, said: str = "", is_unknown: bool = False
    ) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail[:500]
        self.code = code
        self.subcode = subcode
        self.said = said[:500]
        self.wait_s = _WAIT_S if kind == "limited" else 0.0
        self.is_unknown = is_unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A business account and who asks."""

    base_url: str
    version: str
    account_id: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of the list; `after` is empty on the last one."""

    rows: list[Json]
    after: str


def list_page(account: Account, *, after: str = "") -> Page:
    """Return the templates after a cursor."""
    query = {"fields": FIELDS, "limit": str(PAGE), **({"after": after} if after else {})}
    answer = _call(account, "GET", f"{account.account_id}/message_templates", query=query)
    rows = [row for row in answer.get("data", []) if isinstance(row, dict)]
    paging = answer.get("paging")
    paging = paging if isinstance(paging, dict) else {}
    following = paging.get("cursors", {}).get("after", "") if paging.get("next") else ""
    return Page(rows=rows, after=str(following or ""))


def create(account: Account, body: Mapping[str, Any]) -> Json:
    """Submit a template; return its id, status and category."""
    return _call(account, "POST", f"{account.account_id}/message_templates", body=body)


def edit(account: Account, template_id: str, body: Mapping[str, Any]) -> None:
    """Replace the content of a template, which is reviewed again."""
    _call(account, "POST", _id(template_id), body=body)


def delete(account: Account, *, name: str, template_id: str) -> None:
    """Delete one language of a template."""
    query = {"name": name, **({"hsm_id": _id(template_id)} if template_id else {})}
    _call(account, "DELETE", f"{account.account_id}/message_templates", query=query)


def unpause(account: Account, template_id: str) -> None:
    """Release a template from a pause."""
    answer = _call(account, "POST", f"{_id(template_id)}/unpause", body={})
    if answer.get("success") is False:
        raise TemplateApiError("refused", str(answer.get("reason") or "not paused"))


def _id(text: str) -> str:
    # One segment of the path: with a slash in it, it would choose another address.
    if not text.isdecimal():
        raise TemplateApiError("gone", "not an id")
    return text


def _call(
    account: Account, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None
) -> Json:
    return asyncio.run(_request(account, method, path, query=query, body=body))


async def _request(account: Account, method: str, path: str, *, query: Mapping[str, str] | None, body: Any) -> Json:
    headers = {"Authorization": f"Bearer {account.token}", "User-Agent": "PyTake", "Content-Type": "application/json"}
    url = URL(f"{account.base_url}/{account.version}/{path}").with_query(query or {})
    data = orjson.dumps(body) if body is not None else None
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT, trust_env=False, headers=headers) as session,
            session.request(method, url, data=data, allow_redirects=False) as response,
        ):
            return _read(response.status, await response.content.read(ANSWER_MAX))
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as exc:
        raise TemplateApiError("away", type(exc).__name__) from exc
    except (aiohttp.ClientError, TimeoutError, OSError) as exc:
        raise TemplateApiError("away", type(exc).__name__, is_unknown=True) from exc


def _read(status: int, raw: bytes) -> Json:
    try:
        body: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        body = None
    if 200 <= status < 300 and isinstance(body, dict) and "error" not in body:
        return body
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        # Neither an answer nor an error that can be read.
        raise TemplateApiError("away", f"HTTP {status}", is_unknown=True)
    raise _failure(status, error)


def _failure(status: int, error: Mapping[str, Any]) -> TemplateApiError:
    code, subcode = _whole(error.get("code")), _whole(error.get("error_subcode"))
    data = error.get("error_data")
    said = str(error.get("error_user_msg") or (data.get("details") if isinstance(data, dict) else "") or "")
    if code in _LIMITED or status == 429:
        kind = "limited"
    elif (code in _TOKEN and code != 0) or status in {401, 403}:
        kind = "token"
    elif subcode in _NOT_FOUND:
        kind = "gone"
    elif code == _CURSOR:
        kind = "cursor"
    else:
        kind = "away" if status >= 500 or code in {1, 2} else "refused"
    text = str(error.get("message") or f"HTTP {status}")
    return TemplateApiError(kind, text, code=code, subcode=subcode, said=said, is_unknown=status >= 500)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else int(value) if str(value).isdecimal() else 0
