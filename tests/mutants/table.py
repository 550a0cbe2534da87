"""Every defence that is proven by a mutant. docs/defences.md shows this table."""

from tests.mutants.database import DATABASE
from tests.mutants.functions import FUNCTIONS

MUTANTS = (*DATABASE, *FUNCTIONS)
