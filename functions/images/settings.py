"""The environment of the images function."""

from importlib.util import find_spec
from typing import Annotated, Literal

from pydantic import AfterValidator

from functions.kit.settings import Settings

_EXTRA = "it needs boto3, which is not installed: add the extra orderbase-shop[rekognition]"


def _check_labels(choice: str) -> str:
    if choice == "rekognition" and find_spec("boto3") is None:
        raise ValueError(_EXTRA)
    return choice


class ImageSettings(Settings):
    """Adds who says what is to be seen on pictures."""

    labels: Annotated[Literal["none", "rekognition"], AfterValidator(_check_labels)] = "none"
