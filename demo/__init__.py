"""A shopper's visit to a running shop, told line by line."""
