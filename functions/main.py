"""All functions in one process, for development and single containers.

uvicorn functions.main:app --no-proxy-headers
"""

from functions.analytics.function import analytics
from functions.api.function import api
from functions.api.settings import ApiSettings
from functions.emails.function import emails
from functions.emails.settings import EmailSettings
from functions.images.function import images
from functions.images.settings import ImageSettings
from functions.kit import logs
from functions.kit.app import create_app
from functions.kit.settings import Settings
from functions.orders.function import orders
from functions.orders.settings import OrderSettings
from functions.schedules.function import schedules
from functions.schedules.settings import SchedulesSettings
from functions.webhooks.function import webhooks
from functions.webhooks.settings import WebhookSettings

logs.configure()
app = create_app(
    "functions",
    Settings.load(),
    orders(OrderSettings.load()),
    emails(EmailSettings.load()),
    webhooks(WebhookSettings.load()),
    schedules(SchedulesSettings.load()),
    analytics(),
    images(ImageSettings.load()),
    api(ApiSettings.load()),
)
