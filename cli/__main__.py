"""``python -m orderseal.cli`` is the ``orderseal`` command."""

from orderseal.cli.main import main

main()
