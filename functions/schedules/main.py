"""The schedules function alone.

uvicorn functions.schedules.main:app
"""

from functions.kit import logs
from functions.kit.app import create_app
from functions.schedules.function import schedules
from functions.schedules.settings import SchedulesSettings

logs.configure()
settings = SchedulesSettings.load()
app = create_app("schedules", settings, schedules(settings))
