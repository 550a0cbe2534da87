"""AWS Lambda: `functions.aws.orders.handler`."""

from functions.aws.environment import Environment
from functions.orders.main import app

handler = Environment(app).handle
