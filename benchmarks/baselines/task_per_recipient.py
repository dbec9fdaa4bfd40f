"""How sends are usually done: one Celery task a recipient, the ORM, `requests`.

Run as a worker: `celery -A benchmarks.baselines.task_per_recipient worker`.
"""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pytake.settings")
django.setup()

import requests
from celery import Celery
from django.conf import settings
from django.utils import timezone

from conversations.models import Message
from pytake.infra import tenancy

app = Celery("usual", broker=settings.REDIS_URL)
app.conf.task_ignore_result = True
app.conf.broker_transport_options = {"global_keyprefix": f"{settings.REDIS_PREFIX}:usual:"}
app.conf.task_default_queue = "usual"


@app.task(name="usual.send")
def send(organization_id: str, message_id: str) -> None:
    """Load the row, post it, save the row."""
    with tenancy.organization_context(organization_id):
        message = Message.objects.select_related("number").get(pk=message_id)
        response = requests.post(
            f"{settings.GRAPH_BASE_URL}/{settings.GRAPH_API_VERSION}/{message.number.phone_number_id}/messages",
            json={
                "messaging_product": "whatsapp",
                "to": message.address_value,
                "type": "text",
                "text": {"body": message.text},
                "biz_opaque_callback_data": str(message.pk),
            },
            headers={"Authorization": "Bearer benchmark-access-token"},
            timeout=30,
        )
        response.raise_for_status()
        message.whatsapp_message_id = response.json()["messages"][0]["id"]
        message.dispatch_state = Message.DispatchState.ACCEPTED
        message.sent_at = timezone.now()
        message.save()
