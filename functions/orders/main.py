"""The orders function alone.

uvicorn functions.orders.main:app
"""

from functions.kit import logs
from functions.kit.app import create_app
from functions.orders.function import orders
from functions.orders.settings import OrderSettings

logs.configure()
settings = OrderSettings.load()
app = create_app("orders", settings, orders(settings))
