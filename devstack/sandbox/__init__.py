"""The sandbox PSP: a payment service provider of our own, with test cards, magic amounts and faults on demand."""
