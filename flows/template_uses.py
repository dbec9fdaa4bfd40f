"""Which flows send a message template: in the published version, in the draft, or when the window is closed."""

from __future__ import annotations

import json
from typing import Final

from django.db import connection
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from conversations.message_templates.usage import Use
from pytake.infra import tenancy

_NODE: Final = (
    '$.nodes[*] ? (@.type == "whatsapp_template" && @.data.template.name == $name'
    " && (!exists(@.data.template.language) || @.data.template.language == $language))"
)
_FALLBACK: Final = "$.settings.window_closed_template ? (@ == $name || @.name == $name)"
_FIND: Final = """
SELECT * FROM (
    SELECT flow.id, flow.name, chatbot.name AS chatbot, flow.is_active AND chatbot.is_active AS is_active,
        coalesce(jsonb_path_exists(version.graph, %(node)s, %(vars)s, true)
            OR jsonb_path_exists(version.graph, %(fallback)s, %(vars)s, true), false) AS is_published,
        coalesce(jsonb_path_exists(flow.draft, %(node)s, %(vars)s, true)
            OR jsonb_path_exists(flow.draft, %(fallback)s, %(vars)s, true), false) AS is_drafted
    FROM flows_flow flow
    JOIN flows_chatbot chatbot ON chatbot.id = flow.chatbot_id AND chatbot.organization_id = flow.organization_id
    LEFT JOIN flows_flowversion version ON version.id = flow.published_version_id
    WHERE flow.deleted_at IS NULL AND chatbot.deleted_at IS NULL AND flow.organization_id = %(organization)s
) found WHERE is_published OR is_drafted ORDER BY name LIMIT 200
"""


def find(name: str, language: str) -> list[Use]:
    """Return the flows of the context's organization that send the template, with one query."""
    values = {
        "node": _NODE,
        "fallback": _FALLBACK,
        "vars": json.dumps({"name": name, "language": language}),
        "organization": tenancy.current_organization_id(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_FIND, values)
        rows = cursor.fetchall()
    return [
        Use(
            kind="flow",
            id=str(pk),
            label=label,
            url=reverse("flows:flow", args=[pk]),
            detail=_("%(chatbot)s · published") % {"chatbot": chatbot}
            if published
            else _("%(chatbot)s · only in the draft") % {"chatbot": chatbot},
            is_live=bool(published and active),
        )
        for pk, label, chatbot, active, published, _drafted in rows
    ]
