"""What is sent, how often, and how answers are read."""

import json
from collections.abc import Callable
from uuid import UUID

import httpx
import pytest
from conftest import ShopOver
