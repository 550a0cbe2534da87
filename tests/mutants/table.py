"""Every defence that is proven by a mutant. docs/defences.md shows this table."""

from tests.mutants.api import API
from tests.mutants.database import DATABASE
from tests.mutants.edge import EDGE
from tests.mutants.functions import FUNCTIONS
from tests.mutants.images import IMAGES
from tests.mutants.read_models import READ_MODELS
from tests.mutants.schedules import SCHEDULES
from tests.mutants.sdk import SDK
from tests.mutants.webhooks import WEBHOOKS

MUTANTS = (*DATABASE, *FUNCTIONS, *READ_MODELS, *SCHEDULES, *WEBHOOKS, *IMAGES, *SDK, *API, *EDGE)
