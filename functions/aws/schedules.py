"""AWS Lambda: `functions.aws.schedules.handler`."""

from functions.aws.environment import Environment
from functions.schedules.main import app

handler = Environment(app).handle
