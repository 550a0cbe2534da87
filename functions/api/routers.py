"""All routes of the API, in the order of the document."""

from functions.api import (
    document,
    experiments,
    me,
    orders,
    pricing,
    product,
    products,
    quotes,
    users,
)

ROUTERS = (
    me.router,
    users.router,
    orders.router,
    products.router,
    product.router,
    pricing.router,
    quotes.router,
    experiments.router,
    document.router,
)
