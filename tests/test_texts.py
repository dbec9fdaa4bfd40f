"""The interface speaks Portuguese: the catalogue is complete, and no page shows English to a Brazilian."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import polib
import pytest
from django.apps import apps
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.urls import resolve
from django.utils import translation
from django.utils.translation import trans_real

from pytake.accounts import mail as letters
from pytake.accounts.models import User
from tests import make

ROOT = Path(__file__).resolve().parent.parent
ClientAs = Callable[[User], Client]

# What must not be followed: it signs out, answers with a file, or is the API's description in English.
ELSEWHERE = re.compile(r"logout|export|download|\.json|^/api/|/static/|^/admin/jsi18n")
ENGLISH = re.compile(
    r"\b(?:the|of|and|is|are|was|your|you|with|not|this|that|from|have|has|will|cannot|there)\b", re.IGNORECASE
)
PAGES_OF_ONE_KIND = 2


class Seen(HTMLParser):
    """Collects what a person sees or hears of a page, and where its links lead."""

    SILENT = frozenset({"script", "style", "svg", "template", "pre", "code", "textarea"})
    SPOKEN = ("title", "aria-label", "placeholder", "alt", "data-label", "label")

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.links: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in self.SILENT or (tag == "button" and values.get("lang") == "en"):
            self._silent.append(tag)
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if not self._silent:
            self.pieces += [values[name] for name in self.SPOKEN if name in values]

    def handle_endtag(self, tag: str) -> None:
        if self._silent and self._silent[-1] == tag:
            self._silent.pop()

    def handle_data(self, data: str) -> None:
        if not self._silent and data.strip():
            self.pieces.append(" ".join(data.split()))


def pages(client: Client, *starts: str) -> Iterator[tuple[str, Seen]]:
    """Follow the links of the pages, a few pages of every kind."""
    waiting, known, kinds = deque(starts), set(starts), Counter[str]()
    while waiting:
        path = waiting.popleft()
        kinds[kind := resolve(urlsplit(path).path).view_name] += 1
        if kinds[kind] > PAGES_OF_ONE_KIND:
            continue
        answer = client.get(path, follow=True)
        assert answer.status_code in {200, 403}, path
        if not answer.get("Content-Type", "").startswith("text/html"):
            continue
        page = Seen()
        page.feed(answer.content.decode())
        yield path, page
        for link in page.links:
            target = urlsplit(urljoin(path, link))
            address = target.path + (f"?{target.query}" if target.query else "")
            if not target.netloc and target.path.startswith("/") and address not in known:
                known.add(address)
                if not ELSEWHERE.search(address):
                    waiting.append(address)


def portuguese() -> dict[str, str]:
    """Return what PyTake and its libraries translate, plurals left out."""
    translations: Any = trans_real.translation("pt-br")
    return {
        key: value
        for part in reversed(translations._catalog._catalogs)
        for key, value in part.items()
        if isinstance(key, str) and isinstance(value, str)
    }


def leftovers(found: Iterator[tuple[str, Seen]]) -> list[str]:
    """Return what reads as English: a text of the catalogues, or a piece with words that Portuguese lacks."""
    texts = {key for key, value in portuguese().items() if len(key) >= 12 and "%" not in key and value != key}
    return [
        f"{path}: {piece}"
        for path, page in found
        for piece in page.pieces
        if piece in texts or len(set(ENGLISH.findall(piece.lower()))) >= 2
    ]


@pytest.fixture
def clinic(db: None) -> User:
    """The administrator of the demo organization."""
    call_command("seed_demo", password="Aurora-demo-7")
    return User.objects.get(email="admin@aurora.example")


def test_every_text_is_translated_and_compiled() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "drift.py", "texts"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("source", "entry", "complaint"),
    [
        ('_("Good morning, everybody")', None, "is not in the catalogue"),
        ('_("Good morning, everybody")', polib.POEntry(msgid="Good morning, everybody"), "is not translated"),
        ("", polib.POEntry(msgid="Nobody says this", msgstr="Ninguém diz isto"), "nothing shows it"),
        (
            '_("%(count)s left")',
            polib.POEntry(msgid="%(count)s left", msgstr="Restam %(conta)s"),
            "has other placeholders",
        ),
    ],
)
def test_the_check_of_texts_finds(source: str, entry: polib.POEntry | None, complaint: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    folder = tmp_path / "pytake" / "locale" / "pt_BR" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (tmp_path / "pytake" / "words.py").write_text(source, encoding="utf-8")
    catalogue = polib.POFile()
    if entry is not None:
        catalogue.append(entry)
    catalogue.save(str(folder / "django.po"))
    catalogue.save_as_mofile(str(folder / "django.mo"))

    done = subprocess.run(
        [sys.executable, tmp_path / ".ci" / "drift.py", "texts"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert complaint in done.stderr


@pytest.mark.slow
def test_an_administrator_reads_portuguese_on_every_page(clinic: User, client_as: ClientAs) -> None:
    client = client_as(clinic)
    client.cookies["django_language"] = "pt-br"

    found = leftovers(pages(client, "/", "/admin/"))

    assert found == []


@pytest.mark.slow
def test_who_runs_the_platform_reads_portuguese_too(clinic: User, client_as: ClientAs) -> None:
    client = client_as(make.user(None, "super_admin", full_name="Olga Operadora", language="pt-br"))

    found = leftovers(pages(client, "/organizations/", "/admin/"))

    assert found == []


def test_a_visitor_reads_portuguese(client: Client, db: None) -> None:
    found = leftovers(pages(client, "/accounts/login/", "/accounts/password/reset/"))

    assert found == []


def test_english_is_there_for_those_who_choose_it(clinic: User, client_as: ClientAs) -> None:
    client = client_as(clinic)
    client.cookies["django_language"] = "en"

    assert leftovers(pages(client, "/inbox/contacts/"))


def test_names_that_django_derives_are_in_the_catalogue() -> None:
    with translation.override("en"):
        names = {
            str(name)
            for label in ("accounts", "notifications", "conversations", "flows", "analytics")
            for model in apps.get_app_config(label).get_models()
            for name in (
                model._meta.verbose_name,
                *(field.verbose_name for field in model._meta.local_fields),
                *(field.verbose_name for field in model._meta.local_many_to_many),
            )
        }

    assert names - set(portuguese()) == set()


def test_mail_is_in_the_language_of_its_reader(organization: object, db: None) -> None:
    letters.send_reset(make.user(None, "super_admin", email="ana@example.com", language="pt-br").email)
    letters.send_reset(make.user(None, "super_admin", email="ann@example.com", language="en").email)

    assert [letter.subject for letter in mail.outbox] == ["Escolha uma nova senha", "Choose a new password"]
