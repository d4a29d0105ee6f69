"""What the twins of the token platforms share: shapes of JSON, a table of endpoints, the application around it, its OpenAPI description.

A platform is a table of :class:`~orderseal.sandbox.twins.endpoint.Endpoint`; requests are checked by the shapes in that table, and the
OpenAPI description is made from the same table, so that the two cannot drift apart.
"""
