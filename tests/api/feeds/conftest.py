"""An account at a venue, whose token must not get into any text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.api.feeds.helpers import TOKEN, Account

if TYPE_CHECKING:
    from tests.api.conftest import Watch


@pytest.fixture
def account(watch: Watch) -> Account:
    return Account(watch.hide(TOKEN))
