"""Defences switched off, one at a time: each makes a named test fail. Run by `make mutants`."""
