"""The analytics function alone.

uvicorn functions.analytics.main:app
"""

from functions.analytics.function import analytics
from functions.kit import logs
from functions.kit.app import create_app
from functions.kit.settings import Settings

logs.configure()
app = create_app("analytics", Settings.load(), analytics())
