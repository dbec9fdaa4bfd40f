"""Instances: their life from the first QR code to the logout, and what they tell their webhooks."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from conversations.simulator.clock import Scheduler
from conversations.simulator.config import Behaviour, ConfigError, Json
from conversations.simulator.evolution import baileys, pictures
from conversations.simulator.evolution.posts import Posts
from conversations.simulator.model import Media, Number, Sent, User, Waba
from conversations.simulator.updates import Update
from conversations.simulator.world import World

WABA: Final = "evolution"
FIRST_DISPLAY: Final = 5511950050001
RECONNECT_S: Final = 2.0
# Closings after which the phone is not connected again by itself.
FINAL: Final = frozenset({401, 402, 403, 406})
KEPT_MESSAGES: Final = 5000


def lid_of(user: User) -> str:
    """Return the opaque address of a person."""
    return f"{user.user_id('lid')[-14:]}@lid"


@dataclass(slots=True, kw_only=True)
class Instance:
    """A session of WhatsApp Web, or the attempt to get one."""

    name: str
    id: str
    token: str
    digits: str = ""
    state: str = "close"
    webhook: Json = field(default_factory=dict)
    qr: Json = field(default_factory=dict)
    owner: str = ""
    profile: str = ""
    reason: int = 0
    # Grows with every code and every change of state: timers of the past recognise that they are.
    round: int = 0
    messages: dict[str, Json] = field(default_factory=dict)
    files: dict[str, Media] = field(default_factory=dict)

    @property
    def number_id(self) -> str:
        """Return the id of its number in this world."""
        return f"qr-{self.name}"


class Evolution:
    """All instances of one server."""

    def __init__(self, *, behaviour: Behaviour, scheduler: Scheduler, world: World) -> None:
        self._behaviour = behaviour
        self._scheduler = scheduler
        self._world = world
        self.posts = Posts(behaviour=behaviour, scheduler=scheduler, world=world)
        self.instances: dict[str, Instance] = {}
        self.server_url = "http://127.0.0.1/evolution"

    async def close(self) -> None:
        """Stop deliveries."""
        await self.posts.close()

    def message_id(self, prefix: str) -> str:
        """Return a new id of a message: 3EB0… for our own, 3A… for those of phones."""
        return prefix + self._world.rng.randbytes(9).hex().upper()

    def create(self, name: str, *, digits: str, token: str, webhook: Json) -> Instance:
        """Add an instance, not yet connected."""
        made = Instance(name=name, id=self._uuid(), token=token or self._uuid().upper(), digits=digits, webhook=webhook)
        self.instances[name] = made
        return made

    def _uuid(self) -> str:
        return str(uuid.UUID(bytes=self._world.rng.randbytes(16), version=4))

    def connect(self, instance: Instance, *, digits: str = "") -> None:
        """Begin (or go on) showing QR codes."""
        if digits and digits != instance.digits:
            instance.digits = digits
            instance.qr = {}
        if instance.state == "connecting" and instance.qr:
            return
        instance.state, instance.reason = "connecting", 0
        self._emit(instance, "connection.update", {"state": "connecting", "statusReason": 200})
        self._show_code(instance, count=1)

    def _show_code(self, instance: Instance, *, count: int) -> None:
        settings = self._behaviour.evolution
        instance.round += 1
        if count > settings.qr_limit:
            self._limit(instance)
            return
        code = f"2@{self._world.rng.randbytes(48).hex()},{instance.id},{count}"
        pairing = self._world.rng.randbytes(4).hex().upper() if instance.digits else None
        instance.qr = {"pairingCode": pairing, "code": code, "base64": pictures.png(code), "count": count}
        shown = {key: value for key, value in instance.qr.items() if key != "count"}
        self._emit(instance, "qrcode.updated", {"qrcode": {"instance": instance.name, **shown}})
        self._scheduler.after(settings.qr_lifetime_s, self._rotate, instance, instance.round, count)

    def _rotate(self, instance: Instance, round_: int, count: int) -> None:
        if instance.round == round_ and instance.state == "connecting":
            self._show_code(instance, count=count + 1)

    def _limit(self, instance: Instance) -> None:
        instance.state, instance.qr, instance.reason = "close", {}, 428
        self._emit(
            instance, "qrcode.updated", {"message": "QR code limit reached, please login again", "statusCode": 500}
        )
        self._emit(instance, "connection.update", {"state": "refused", "statusReason": 428})

    def pair(self, instance: Instance, *, digits: str = "", name: str = "") -> Number:
        """Let a phone scan the code: the instance is open, and people can write to the number."""
        if instance.state != "connecting" or not instance.qr:
            raise ConfigError("instance: shows no QR code")
        instance.owner = digits or instance.digits or instance.owner or str(FIRST_DISPLAY + self._paired())
        instance.profile = name or instance.profile or "Loja Aurora"
        number = Number(
            id=instance.number_id,
            waba=WABA,
            display=instance.owner,
            verified_name=f"{instance.profile} QR",
            instance=instance.name,
        )
        # What the phone page and the ledger ask of every number; the Graph API knows nothing of it.
        self._world.wabas.setdefault(WABA, Waba(id=WABA, name="Evolution", portfolio="800000000000099", is_meta=False))
        self._world.numbers[number.id] = number
        self._open(instance)
        return number

    def _paired(self) -> int:
        return sum(bool(instance.owner) for instance in self.instances.values())

    def _open(self, instance: Instance) -> None:
        instance.round += 1
        instance.state, instance.qr, instance.reason = "open", {}, 0
        more = {"wuid": f"{instance.owner}@s.whatsapp.net", "profileName": instance.profile, "profilePictureUrl": None}
        self._emit(instance, "connection.update", {"state": "open", "statusReason": 200, **more})

    def disconnect(self, instance: Instance, code: int) -> None:
        """Lose the connection: for good (401, 402, 403, 406), or until it comes back by itself, without a word."""
        instance.round += 1
        if code not in FINAL:
            instance.state = "connecting"
            self._emit(instance, "connection.update", {"state": "connecting", "statusReason": 200})
            self._scheduler.after(RECONNECT_S, self._back, instance, instance.round)
            return
        instance.state, instance.reason = "close", code
        self._world.numbers.pop(instance.number_id, None)
        self._emit(instance, "connection.update", {"state": "close", "statusReason": code})
        at = datetime.fromtimestamp(self._scheduler.clock.now(), UTC).isoformat()
        data = {"status": "closed", "disconnectionAt": at, "disconnectionReasonCode": code, "disconnectionObject": ""}
        self._emit(instance, "status.instance", data)

    def _back(self, instance: Instance, round_: int) -> None:
        if instance.round == round_:
            self._open(instance)

    def remove(self, instance: Instance) -> None:
        """Delete an instance."""
        instance.round += 1
        self._world.numbers.pop(instance.number_id, None)
        del self.instances[instance.name]
        self._emit(instance, "remove.instance", {})

    def keep(self, instance: Instance, record: Json) -> None:
        """Remember a message for those who ask later."""
        instance.messages[record["key"]["id"]] = record
        if len(instance.messages) > KEPT_MESSAGES:
            instance.messages.pop(next(iter(instance.messages)))

    def jid_of(self, user: User) -> tuple[str, str]:
        """Return the address by which a person is shown, and the other one, if it is told."""
        phone = f"{user.wa_id}@s.whatsapp.net" if user.wa_id else ""
        lid = lid_of(user)
        if user.hide_phone or not phone:
            return lid, ""
        if self._world.rng.random() < self._behaviour.evolution.lid:
            return lid, phone
        return phone, ""

    def person_at(self, jid: str) -> User | None:
        """Return the person with this LID."""
        return next((user for user in self._world.users.values() if lid_of(user) == jid), None)

    def tell_sent(self, instance: Instance, record: Json) -> None:
        """Tell of a message that was sent through the API, once or (as an echo) twice."""
        self._emit(instance, "send.message", record)
        if self._behaviour.evolution.echo:
            self._emit(instance, "messages.upsert", record)

    def tell_status(self, number: Number, sent: Sent, status: str) -> None:
        """Tell what became of a send."""
        instance = self.instances.get(number.instance)
        record = instance.messages.get(sent.wamid) if instance else None
        if instance is None or record is None:
            return
        record["status"] = baileys.ACKS[status]
        key = record["key"]
        data = {
            # Evolution's own key comes first and is a trap: only `keyId` is known to us.
            "messageId": f"cm{sent.seq:022d}",
            "keyId": sent.wamid,
            "remoteJid": key["remoteJid"],
            "fromMe": True,
            "participant": key["remoteJid"],
            "status": baileys.ACKS[status],
            "instanceId": instance.id,
        }
        self._emit(instance, "messages.update", data)

    def tell_message(self, number: Number, user: User, update: Update) -> None:
        """Tell what a person wrote."""
        instance = self.instances.get(number.instance)
        if instance is None or instance.state != "open":
            return
        item = update.item
        if item["type"] in {"edit", "revoke"}:
            self._tell_change(instance, user, item)
            return
        inside = item.get(item["type"])
        media_id = inside.get("id") if isinstance(inside, dict) else None
        media = self._world.media.get(str(media_id)) if media_id else None
        record = self.record(instance, user, item["id"], from_me=bool(item.get("from_me")))
        if media is not None:
            instance.files[item["id"]] = media
        record["messageType"], record["message"] = baileys.message(item, jid=record["key"]["remoteJid"], media=media)
        quoted = (item.get("context") or {}).get("id")
        if quoted:
            record["contextInfo"] = {"stanzaId": quoted, "participant": f"{instance.owner}@s.whatsapp.net"}
        self.keep(instance, record)
        self._emit(instance, "messages.upsert", record, on_ack=update.on_ack)

    def _tell_change(self, instance: Instance, user: User, item: Json) -> None:
        jid, _ = self.jid_of(user)
        change = item[item["type"]]
        key = {"remoteJid": jid, "fromMe": False, "id": change["original_message_id"]}
        if item["type"] == "revoke":
            self._emit(instance, "messages.delete", {**key, "status": "DELETED"})
            return
        _, edited = baileys.message(change["message"], jid=jid, media=None)
        self._emit(instance, "messages.edited", {"key": key, "type": "MESSAGE_EDIT", "editedMessage": edited})

    def record(self, instance: Instance, user: User, message_id: str, *, from_me: bool) -> Json:
        """Return the frame of a message object."""
        jid, other = self.jid_of(user)
        key: Json = {"remoteJid": jid, "fromMe": from_me, "id": message_id}
        if jid.endswith("@lid"):
            key["addressingMode"] = "lid"
            if other:
                key["remoteJidAlt"] = other
        return {
            "key": key,
            "pushName": instance.profile if from_me else user.name or user.username,
            "status": "DELIVERY_ACK",
            "message": {},
            "contextInfo": None,
            "messageType": "",
            "messageTimestamp": int(self._scheduler.clock.now()),
            "instanceId": instance.id,
            "source": "ios",
        }

    def _emit(self, instance: Instance, event: str, data: Json, *, on_ack: Callable[[], None] | None = None) -> None:
        if not instance.webhook.get("url"):
            return
        if event in {"connection.update", "status.instance"}:
            data = {"instance": instance.name, **data}
        envelope = {
            "event": event,
            "instance": instance.name,
            "data": data,
            "destination": instance.webhook["url"],
            "date_time": datetime.fromtimestamp(self._scheduler.clock.now(), UTC).isoformat(timespec="milliseconds"),
            "sender": f"{instance.owner}@s.whatsapp.net" if instance.owner else None,
            "server_url": self.server_url,
            "apikey": None,
        }
        self.posts.send(instance.webhook, envelope, on_ack=on_ack)
