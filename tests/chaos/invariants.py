"""What must hold whatever happened; each violation is a sentence with an example."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from tests.crash.running import Running

# Of the demo's flow: what is said to "oi", and what to the first button.
ANSWERS: Final = {"text": 2, "interactive": 1}

# Whatever updates a message, and whenever: a rung that was reached is never left again.
WATCH: Final = """
CREATE TABLE IF NOT EXISTS chaos_step_back (message_id uuid, was text, became text, at timestamptz DEFAULT now());
GRANT ALL ON chaos_step_back TO PUBLIC;
CREATE OR REPLACE FUNCTION chaos_rank(status text) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE status WHEN 'queued' THEN 0 WHEN 'sent' THEN 1 WHEN 'failed' THEN 1 WHEN 'delivered' THEN 2
        WHEN 'read' THEN 3 ELSE 0 END $$;
CREATE OR REPLACE FUNCTION chaos_watch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF chaos_rank(NEW.status) < chaos_rank(OLD.status)
        OR (OLD.dispatch_state = 'accepted' AND NEW.dispatch_state NOT IN ('accepted', 'failed')) THEN
        INSERT INTO chaos_step_back VALUES (OLD.id, OLD.status || ' ' || OLD.dispatch_state,
                                            NEW.status || ' ' || NEW.dispatch_state);
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER chaos_watch BEFORE UPDATE ON conversations_message
    FOR EACH ROW EXECUTE FUNCTION chaos_watch();
"""
_SENT: Final = """
SELECT message.id::text, message.dispatch_state, message.status,
    (SELECT count(*) FROM conversations_messageattempt attempt
     WHERE attempt.message_id = message.id AND attempt.outcome = 'accepted')
FROM conversations_message message WHERE direction = 'outbound' AND address_value LIKE %s
"""
_ARRIVED: Final = """
SELECT whatsapp_message_id, message_type, contact_id::text FROM conversations_message
WHERE direction = 'inbound' AND contact_id IN
    (SELECT contact_id FROM conversations_contactidentity WHERE value LIKE %s)
"""
_DECIDED: Final = """
SELECT contact_id::text, count(*) FROM conversations_message
WHERE direction = 'outbound' AND address_value LIKE %s GROUP BY contact_id
"""
_DEAD: Final = """
SELECT 'deliveries', count(*) FROM conversations_webhookevent WHERE state = 'dead'
UNION ALL SELECT 'items', count(*) FROM conversations_webhookitem WHERE state = 'dead'
UNION ALL SELECT 'messages', count(*) FROM conversations_unhandledmessage WHERE is_dead
"""


def violations(running: Running, *, phones: str, written: int) -> Iterator[str]:
    """Yield what does not hold: for people whose numbers begin with `phones`, who wrote `written` messages."""
    yield from _of_sending(running, phones)
    yield from _of_arriving(running, phones, written)
    for message, was, became in running.rows("SELECT message_id::text, was, became FROM chaos_step_back LIMIT 5"):
        yield f"message {message} went back from {was} to {became}"
    for name, count in running.rows(_DEAD):
        if count:
            yield f"{count} {name} were given up"
    if forged := running.simulate("metrics")["violations"]["forged_accepted"]:
        yield f"{forged} forged deliveries were accepted"


def _of_sending(running: Running, phones: str) -> Iterator[str]:
    ledger = Counter(row["callback"] for row in running.ledger() if row["to"].startswith(phones))
    sent = {row[0]: row[1:] for row in running.rows(_SENT, [f"{phones}%"])}
    for callback, times in ledger.items():
        if times > 1:
            yield f"message {callback} was sent {times} times"
        if callback not in sent:
            yield f"somebody was sent {callback}, which is no message"
    for key, (state, status, accepted) in sent.items():
        if accepted > 1:
            yield f"message {key} was accepted {accepted} times"
        if state in {"queued", "sending"}:
            yield f"message {key} is still {state}"
        if key in ledger and (state != "accepted" or status not in {"sent", "delivered", "read"}):
            yield f"message {key} left, but is {state} and {status}"
        if key not in ledger and state == "accepted":
            yield f"message {key} never left, but is {state} and {status}"


def _of_arriving(running: Running, phones: str, written: int) -> Iterator[str]:
    arrived = running.rows(_ARRIVED, [f"{phones}%"])
    if len(arrived) != written:
        yield f"{written} messages were written, {len(arrived)} are stored"
    if len({wamid for wamid, _, _ in arrived}) != len(arrived):
        yield "a message is stored twice"
    expected = Counter[str]()
    for _, kind, person in arrived:
        expected[person] += ANSWERS[kind]
    decided = Counter(dict(running.rows(_DECIDED, [f"{phones}%"])))
    wrong = [person for person in expected if decided[person] != expected[person]]
    if wrong:
        example = f"{wrong[0]} {decided[wrong[0]]} for {expected[wrong[0]]}"
        yield f"{len(wrong)} people got another number of answers: {example}"
