"""The emails function alone.

uvicorn functions.emails.main:app
"""

from functions.emails.function import emails
from functions.emails.settings import EmailSettings
from functions.kit import logs
from functions.kit.app import create_app

logs.configure()
settings = EmailSettings.load()
app = create_app("emails", settings, emails(settings))
