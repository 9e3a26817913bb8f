"""What two operators have to approve: `payera operations`."""
