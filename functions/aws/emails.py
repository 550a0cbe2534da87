"""AWS Lambda: `functions.aws.emails.handler`."""

from functions.aws.environment import Environment
from functions.emails.main import app

handler = Environment(app).handle
