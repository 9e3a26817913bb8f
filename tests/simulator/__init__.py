"""The simulator: the third driver of the payment core, with a virtual clock, lying PSPs and crashes anywhere."""
