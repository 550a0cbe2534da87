"""AWS Lambda: `functions.aws.api.handler`."""

from functions.api.main import app
from functions.aws.environment import Environment

handler = Environment(app).handle
