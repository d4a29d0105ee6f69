"""Map the rooms of this repository to ``orderseal.<room>``; everything else is in ``pyproject.toml``.

There is no ``orderseal/`` folder at the root: a real one would shadow an installed wheel under ``python -m pytest``.
"""

from setuptools import find_packages, setup

ROOMS = ("signing", "chain", "api", "cli", "sandbox", "fixtures", "benchmarks")

setup(
    packages=[f"orderseal.{package}" for package in find_packages(include=[p for room in ROOMS for p in (room, f"{room}.*")])],
    package_dir={f"orderseal.{room}": room for room in ROOMS},
)
