"""AWS Lambda: `functions.aws.analytics.handler`."""

from functions.analytics.main import app
from functions.aws.environment import Environment

handler = Environment(app).handle
