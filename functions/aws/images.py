"""AWS Lambda: `functions.aws.images.handler`."""

from functions.aws.environment import Environment
from functions.images.main import app

handler = Environment(app).handle
