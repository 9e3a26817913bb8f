"""What the router's use cases need from the outside; adapters of the same name fulfil it."""
