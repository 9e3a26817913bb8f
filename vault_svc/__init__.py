"""The vault: takes cards in, gives tokens out, and hands a card back only to what sends it to a PSP."""
