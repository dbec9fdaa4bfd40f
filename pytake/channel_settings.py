"""Settings of the channel, a part of `pytake.settings`; the last ones name functions of apps above."""

from __future__ import annotations

from pytake import env

GRAPH_BASE_URL = env.text("GRAPH_BASE_URL", "https://graph.facebook.com")
GRAPH_API_VERSION = env.text("GRAPH_API_VERSION", "v26.0")
# Files of messages come from the Graph host or from these, and their subdomains; nothing else gets the token.
MEDIA_HOSTS = ["fbsbx.com", "fbcdn.net", "facebook.com", "whatsapp.net"]
MEDIA_BYTES_MAX = env.integer("MEDIA_BYTES_MAX", 100 * 1024 * 1024)
# Where organizations may pair numbers by QR code without a server of their own; both empty: only with their own.
EVOLUTION_BASE_URL = env.text("EVOLUTION_BASE_URL", "")
EVOLUTION_API_KEY = env.text("EVOLUTION_API_KEY", "")
# Where those servers reach this installation, if it is not where people do.
EVOLUTION_WEBHOOK_BASE_URL = env.text("EVOLUTION_WEBHOOK_BASE_URL", "") or env.text("SITE_URL", "http://127.0.0.1:8000")
EVOLUTION_TIMEOUT_S = env.seconds("EVOLUTION_TIMEOUT", 20.0)
# Origins that may be called although they lie in a private network; for the operator, never for organizations.
EGRESS_ALLOWED_ORIGINS = [*env.words("EGRESS_ALLOWED_ORIGINS"), *([EVOLUTION_BASE_URL] if EVOLUTION_BASE_URL else [])]
GRAPH_TIMEOUT_S = env.seconds("GRAPH_TIMEOUT", 30.0)
# Optional platform-wide verify token for `/webhooks/meta`; numbers have their own.
WEBHOOK_VERIFY_TOKEN = env.text("WEBHOOK_VERIFY_TOKEN", "")
# Routes that machines call often: answered before the middleware that only people need.
FAST_LANE = {
    "/api/v1/whatsapp/webhook": "conversations.api.Webhook",
    "/api/v1/webhooks/meta": "conversations.api.Webhook",
}
WEBHOOK_MAX_BYTES = 4 * 1024 * 1024
# What one address may post in a minute (beyond it: 429), and from when on a number's posts, still stored, are
# processed with a delay. 0 = without limit.
WEBHOOK_POSTS_PER_MINUTE = env.integer("WEBHOOK_POSTS_PER_MINUTE", 10_000)
WEBHOOK_POSTS_PER_MINUTE_OF_NUMBER = env.integer("WEBHOOK_POSTS_PER_MINUTE_OF_NUMBER", 1_000)
# Secrets shared with the local simulator; only the demo data reads them.
SIMULATOR_ACCESS_TOKEN = env.text("SIMULATOR_ACCESS_TOKEN", "")
SIMULATOR_APP_SECRET = env.text("SIMULATOR_APP_SECRET", "")
SIMULATOR_VERIFY_TOKEN = env.text("SIMULATOR_VERIFY_TOKEN", "")
SIMULATOR_URL = env.text("SIMULATOR_URL", "")
SEND_SLICE = env.integer("SEND_SLICE", 500)
# So many numbers are served at once by one worker process.
SEND_TOGETHER = env.integer("SEND_TOGETHER", 8)
# How long a claimed message may take to leave before its worker counts as dead.
SEND_LEASE_S = env.seconds("SEND_LEASE", 90.0)
INBOUND_SLICE = env.integer("INBOUND_SLICE", 200)
TURN_SLICE = env.integer("TURN_SLICE", 400)

# Called in this order for each slice of stored inbound messages.
INBOUND_HANDLERS = [
    "conversations.consent.arrivals.apply_keywords",
    "flows.inbound.answer",
    "conversations.away.say",
    "conversations.inbox.routing.queue_unanswered",
]
# Which nodes work on a connection, and which chatbots have no others.
NUMBER_NODES = "flows.capabilities.node_metadata"
NUMBER_CHATBOTS = "flows.capabilities.compatible_chatbots"
# Called with every change made in the admin.
AUDIT_RECORDER = "pytake.accounts.audit.record"
# Called when an agent takes a thread (conversation), and when one gives it back to the bot (conversation, now=…).
AGENT_TOOK_THREAD = "flows.sessions.pause_for_agent"
AGENT_RELEASED_THREAD = "flows.sessions.resume_after_agent"
# Called when a person or the API ends a thread (conversation, now=…).
THREAD_ENDED = "flows.sessions.end_with_thread"
# Which of some inbound messages answer a question that offered their words (messages, now=…).
SESSION_OFFERS = "flows.sessions.offering"
# Called when contacts want no automatic messages any more (ids of contacts, now=…).
CONTACTS_OPTED_OUT = "flows.sessions.end_for_opt_out"
# Who is asked where a message template is used: called with (name, language) inside the organization's context.
TEMPLATE_USES = ["flows.template_uses.find"]
# Called before everything of a contact is given to another one (id of the one that goes, now=…).
CONTACTS_MERGED = "flows.sessions.end_for_merge"
# Who may hear a kind of realtime room: called with (user, key) inside the organization's context.
REALTIME_ROOMS = {
    "conversation": "conversations.room_access.may_hear_thread",
    "inbox": "conversations.room_access.may_hear_inbox",
}
# Called for the totals of open sockets in `/health`.
SOCKET_STATISTICS = "notifications.statistics.totals"
