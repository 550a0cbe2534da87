"""Keeps the read models: what staff look at instead of counting orders."""
