"""The HTTP API: users, products and orders, prices and experiments at the edge."""
