"""The API alone.

uvicorn functions.api.main:app --no-proxy-headers
"""

from functions.api.function import api
from functions.api.settings import ApiSettings
from functions.kit import logs
from functions.kit.app import create_app

logs.configure()
settings = ApiSettings.load()
app = create_app("api", settings, api(settings))
