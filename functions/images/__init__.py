"""Makes of each uploaded product picture what the shop shows."""
