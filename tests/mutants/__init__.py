"""Defences switched off one at a time: each must make a named test fail. `make mutants` runs them."""
