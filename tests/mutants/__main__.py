"""Switch defences off and see tests fail: `python -m tests.mutants [name …]`."""

import sys
from concurrent.futures import ThreadPoolExecutor

from tests.mutants.mutant import Mutant
from tests.mutants.table import MUTANTS

_AT_ONCE = 2
_SHOWN = 3000


def main() -> int:
    """Exit code 0 if every mutant was caught."""
    wanted = [one for one in MUTANTS if not sys.argv[1:] or one.name in sys.argv[1:]]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        survived = [one.name for one, caught in pool.map(_try, wanted) if not caught]
    print(f"{len(wanted) - len(survived)} of {len(wanted)} mutants were caught.")
    if survived:
        print("Survived: " + ", ".join(survived))
    return int(bool(survived))


def _try(mutant: Mutant) -> tuple[Mutant, bool]:
    caught, output = mutant.is_caught()
    print(f"{'caught  ' if caught else 'SURVIVED'}  {mutant.name}: {mutant.test}", flush=True)
    if not caught:
        print(output[-_SHOWN:], flush=True)
    return mutant, caught


if __name__ == "__main__":
    sys.exit(main())
