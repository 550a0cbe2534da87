"""Tells integrators what happened: outgoing webhooks."""
