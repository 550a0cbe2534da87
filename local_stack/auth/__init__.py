"""Supabase Auth: GoTrue's HTTP API over the tables of schema `auth`."""

from local_stack.auth.app import create_app

__all__ = ["create_app"]
