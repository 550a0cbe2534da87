"""The operators' command: `orderbase-admin`."""
