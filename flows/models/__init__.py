"""Rows of chatbots and flows, one module a subject."""

from __future__ import annotations

from flows.models.chatbots import Chatbot, ChatbotNumberLink, LinkingHistory
from flows.models.definitions import Flow, FlowVersion
from flows.models.sessions import ConversationLog, ConversationState, FlowTimer, NodeVisit

__all__ = [
    "Chatbot",
    "ChatbotNumberLink",
    "ConversationLog",
    "ConversationState",
    "Flow",
    "FlowTimer",
    "FlowVersion",
    "LinkingHistory",
    "NodeVisit",
]
