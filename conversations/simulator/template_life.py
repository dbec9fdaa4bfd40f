"""What happens to templates in the course of time: review, new category, quality, pauses; businesses are told."""

from __future__ import annotations

import re
from typing import Final

from conversations.simulator.config import Json
from conversations.simulator.model import Template
from conversations.simulator.simulator import Simulator
from conversations.simulator.updates import Update

PAUSES_S: Final = (3 * 3600.0, 6 * 3600.0)
_STATUS_OF: Final = {"REINSTATED": "APPROVED", "UNARCHIVED": "APPROVED", "FLAGGED": "APPROVED"}
_PROMOTIONAL: Final = re.compile(r"promo|desconto|oferta|cupom|sale|discount", re.IGNORECASE)
_TITLES: Final = ("FIRST_PAUSE", "SECOND_PAUSE")


def submitted(sim: Simulator, template: Template) -> None:
    """Begin a review; it ends after a while."""
    template.status, template.reason = "PENDING", "NONE"
    template.review += 1
    sim.scheduler.after(sim.behaviour.template_review_s, _review, sim, template, template.review)


def _review(sim: Simulator, template: Template, review: int) -> None:
    if template.status != "PENDING" or template.review != review:
        return
    if template.name.startswith(sim.behaviour.template_reject_prefix):
        happen(sim, template, "REJECTED", reason="INVALID_FORMAT")
        return
    text = " ".join(str(part.get("text", "")) for part in template.components)
    if template.category == "UTILITY" and _PROMOTIONAL.search(text):
        recategorise(sim, template, "MARKETING")
    happen(sim, template, "APPROVED")


def happen(sim: Simulator, template: Template, event: str, *, reason: str = "NONE") -> None:
    """Change a template's status and tell the business."""
    template.status, template.reason = _STATUS_OF.get(event, event), reason
    if event == "APPROVED":
        template.approved_at = template.approved_at or sim.clock.now()
    value: Json = {
        "event": event,
        "message_template_id": int(template.id),
        "message_template_name": template.name,
        "message_template_language": template.language,
        "message_template_category": template.category,
        "reason": reason,
    }
    if event == "PAUSED":
        value["other_info"] = _pause(sim, template)
    elif event == "DISABLED":
        value["disable_info"] = {"disable_date": int(sim.clock.now())}
    elif event == "REJECTED":
        value["rejection_info"] = {"reason": reason, "recommendation": "Edit the template and submit it again."}
    elif event == "DELETED":
        sim.world.remove_template(template)
    publish(sim, template.waba, "message_template_status_update", value)


def _pause(sim: Simulator, template: Template) -> Json:
    """Pause for hours that grow; the third time would be for good."""
    index = min(template.pauses, len(PAUSES_S) - 1)
    template.pauses += 1
    sim.scheduler.after(PAUSES_S[index], _unpause, sim, template, template.pauses)
    return {"title": _TITLES[index], "description": "Paused because of low quality."}


def _unpause(sim: Simulator, template: Template, pause: int) -> None:
    if template.status == "PAUSED" and template.pauses == pause:
        happen(sim, template, "APPROVED")


def bad_feedback(sim: Simulator, template: Template) -> None:
    """Do what low quality leads to: pause, pause longer, disable."""
    judge(sim, template, "RED")
    happen(sim, template, "PAUSED" if template.pauses < len(PAUSES_S) else "DISABLED")


def judge(sim: Simulator, template: Template, score: str) -> None:
    """Change a template's quality and tell the business."""
    value = {**_named(template), "previous_quality_score": template.quality, "new_quality_score": score}
    template.quality = score
    publish(sim, template.waba, "message_template_quality_update", value)


def recategorise(sim: Simulator, template: Template, category: str) -> None:
    """Move a template to another category and tell the business."""
    value = {**_named(template), "previous_category": template.category, "new_category": category}
    template.category = category
    publish(sim, template.waba, "template_category_update", value)


def edited(sim: Simulator, template: Template) -> None:
    """Tell the business that the content changed."""
    by_type = {str(part.get("type")): part for part in template.components}
    value: Json = {**_named(template), "message_template_element": by_type.get("BODY", {}).get("text", "")}
    if "text" in by_type.get("HEADER", {}):
        value["message_template_title"] = by_type["HEADER"]["text"]
    if "FOOTER" in by_type:
        value["message_template_footer"] = by_type["FOOTER"].get("text", "")
    if "BUTTONS" in by_type:
        value["message_template_buttons"] = [
            {"message_template_button_type": row.get("type"), "message_template_button_text": row.get("text")}
            for row in by_type["BUTTONS"].get("buttons", [])
        ]
    publish(sim, template.waba, "message_template_components_update", value)


def _named(template: Template) -> Json:
    return {
        "message_template_id": int(template.id),
        "message_template_name": template.name,
        "message_template_language": template.language,
    }


def publish(sim: Simulator, waba_id: str, field: str, value: Json) -> None:
    """Tell the apps of an account something about it."""
    sim.publish(Update(waba_id=waba_id, kind="value", field=field, item=value, time=int(sim.clock.now())))
