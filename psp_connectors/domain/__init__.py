"""What a connector is made of: pure values and rules, without I/O."""
