"""How fast it is, measured on a stack of its own: ratios within one run, never against a clock."""
