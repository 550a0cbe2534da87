"""Tells shoppers what became of their orders, by mail."""
