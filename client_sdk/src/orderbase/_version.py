"""The version of this distribution: the only place that says it."""

VERSION = "0.1.0"
