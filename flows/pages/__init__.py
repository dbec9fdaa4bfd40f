"""Flow pages: the list, one flow with drawing, draft and versions, trying it, and the session in the inbox."""
