"""One module per component of the development stack: how it is started, when it is ready, how it is stopped."""
