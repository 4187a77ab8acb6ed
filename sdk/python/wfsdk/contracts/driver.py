"""What all drivers have in common, as tests; the suites of the kinds build on it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cerberus import Validator

from wfcore.api import CONTRACT


class DriverContract:
    """A subclass says how a driver is made."""

    @abstractmethod
    def make(self, tmp_path: Path) -> Any:
        """A driver that is not started."""

    @pytest.fixture
    def driver(self, tmp_path: Path) -> Iterator[Any]:
        """A started driver."""
        driver = self.make(tmp_path)
        driver.start()
        yield driver
        driver.stop(5.0)

    def test_it_has_the_number_of_the_contract(self, tmp_path: Path) -> None:
        contract = self.make(tmp_path).contract
        assert contract == CONTRACT
        assert not isinstance(contract, bool)

    def test_its_schema_is_one(self, tmp_path: Path) -> None:
        Validator(dict(self.make(tmp_path).schema))  # raises SchemaError

    def test_it_is_well_once_it_is_started(self, driver: Any) -> None:
        assert driver.health() == ""

    def test_it_stops_in_time_and_even_when_it_was_never_started(self, tmp_path: Path) -> None:
        self.make(tmp_path).stop(1.0)
        driver = self.make(tmp_path)
        driver.start()
        driver.stop(1.0)
