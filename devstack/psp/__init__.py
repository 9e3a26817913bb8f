"""The commands that manage PSP accounts and look at PSPs' webhooks, over the REST API with the operator's key."""
