"""Files: as messages of their own, and as headers of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from conversations.content import limits, reading
from conversations.content.limits import ContentError

WITH_CAPTION: Final = frozenset({"image", "video", "document"})
# What stands for a file where none can be shown: a sign that needs no language.
SIGNS: Final = {"image": "🖼️", "video": "🎬", "audio": "🎧", "voice": "🎤", "document": "📄", "sticker": "🙂"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file with the provider (`media_id`), at a public address (`link`) or of ours (`asset`), uploaded beforehand."""

    KINDS: ClassVar[frozenset[str]] = frozenset({"image", "video", "document"})

    kind: str
    media_id: str = ""
    link: str = ""
    asset: str = ""
    filename: str = ""

    def __post_init__(self) -> None:
        limits.one_of("kind", self.kind, self.KINDS)
        if sum(1 for value in (self.media_id, self.link, self.asset) if value) != 1:
            raise ContentError("file", 1, limits.ONE_SOURCE)
        if self.link:
            limits.link("link", self.link)
        limits.length("filename", self.filename, limits.FILE_NAME_MAX, required=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "kind": self.kind,
            **reading.filled(media_id=self.media_id, link=self.link, asset=self.asset, filename=self.filename),
        }

    @classmethod
    def parse(cls, raw: reading.Raw) -> Self:
        """Return what `as_dict` stored."""
        return cls(**{key: reading.text(raw, key) for key in ("kind", "media_id", "link", "asset", "filename")})

    def as_object(self) -> dict[str, Any]:
        """Return the provider's media object."""
        if self.asset:
            raise ContentError("file", 1, limits.NOT_UPLOADED)
        made = {"id": self.media_id} if self.media_id else {"link": self.link}
        return made | ({"filename": self.filename} if self.kind == "document" and self.filename else {})

    def as_parameter(self) -> dict[str, Any]:
        """Return it as the header of a message or the parameter of a template."""
        return {"type": self.kind, self.kind: self.as_object()}

    def line(self) -> str:
        """Return what stands for it where files cannot be shown."""
        return " ".join(part for part in (SIGNS[self.kind], self.filename, self.link) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class File(Attachment):
    """A picture, film, sound, voice message, document or sticker."""

    KINDS: ClassVar[frozenset[str]] = frozenset({"image", "video", "audio", "voice", "document", "sticker"})

    caption: str = ""

    def __post_init__(self) -> None:
        # Written out: `super()` does not work in dataclasses with slots.
        Attachment.__post_init__(self)
        if self.caption and self.kind not in WITH_CAPTION:
            raise ContentError("caption", 0, limits.NOT_ALLOWED)
        if self.filename and self.kind != "document":
            raise ContentError("filename", 0, limits.NOT_ALLOWED)
        limits.length("caption", self.caption, limits.CAPTION_MAX, required=False)

    @property
    def message_type(self) -> str:
        """Return the provider's name of the type."""
        return "audio" if self.kind == "voice" else self.kind

    @property
    def text(self) -> str:
        """Return the words in it, for searching."""
        return self.caption or self.filename

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        return Attachment.as_dict(self) | reading.filled(caption=self.caption)

    @classmethod
    def parse(cls, raw: reading.Raw) -> Self:
        """Return what `as_dict` stored."""
        keys = ("kind", "media_id", "link", "asset", "filename", "caption")
        return cls(**{key: reading.text(raw, key) for key in keys})

    def as_cloud_api(self) -> dict[str, Any]:
        """Return the provider's message."""
        made = self.as_object()
        if self.caption:
            made["caption"] = self.caption
        if self.kind == "voice":
            made["voice"] = True
        return {"type": self.message_type, self.message_type: made}

    def preview(self) -> str:
        """Return one line of it for lists; the type in brackets is put into words where it is shown."""
        return f"[{self.kind}] {self.text}".rstrip()

    def as_numbered_text(self) -> str:
        """Return the form for channels without files."""
        return "\n".join(part for part in (self.line(), self.caption) if part)
