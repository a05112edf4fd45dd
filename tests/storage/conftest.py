"""The stores of the product on the test's own database."""

import pytest

from storage.mongo import Database
from tests.storage.builders import Stores


@pytest.fixture
def stores(database: Database) -> Stores:
    return Stores(database)
