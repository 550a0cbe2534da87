"""All functions in one process, for development and single containers.

uvicorn functions.main:app
"""

from functions.emails.function import emails
from functions.emails.settings import EmailSettings
from functions.kit import logs
from functions.kit.app import create_app
from functions.kit.settings import Settings
from functions.orders.function import orders
from functions.orders.settings import OrderSettings

logs.configure()
app = create_app(
    "functions", Settings.load(), orders(OrderSettings.load()), emails(EmailSettings.load())
)
