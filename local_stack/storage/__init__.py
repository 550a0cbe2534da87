"""Supabase Storage: its HTTP API over the tables of schema `storage`, with the files on disk."""

from local_stack.storage.app import create_app

__all__ = ["create_app"]
