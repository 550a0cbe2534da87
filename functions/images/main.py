"""The images function alone.

uvicorn functions.images.main:app
"""

from functions.images.function import images
from functions.images.settings import ImageSettings
from functions.kit import logs
from functions.kit.app import create_app

logs.configure()
settings = ImageSettings.load()
app = create_app("images", settings, images(settings))
