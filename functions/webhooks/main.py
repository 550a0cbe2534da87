"""The webhooks function alone.

uvicorn functions.webhooks.main:app
"""

from functions.kit import logs
from functions.kit.app import create_app
from functions.webhooks.function import webhooks
from functions.webhooks.settings import WebhookSettings

logs.configure()
settings = WebhookSettings.load()
app = create_app("webhooks", settings, webhooks(settings))
