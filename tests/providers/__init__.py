"""The contract is a test's body in another file: its assertions shall say as much as a test's own."""

import pytest

pytest.register_assert_rewrite("tests.providers.contract")
