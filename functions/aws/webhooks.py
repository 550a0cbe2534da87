"""AWS Lambda: `functions.aws.webhooks.handler`."""

from functions.aws.environment import Environment
from functions.webhooks.main import app

handler = Environment(app).handle
