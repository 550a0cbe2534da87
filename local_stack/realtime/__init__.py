"""Supabase Realtime: changes of the database, broadcasts and presence over WebSockets."""

from local_stack.realtime.app import create_app

__all__ = ["create_app"]
