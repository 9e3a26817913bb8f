"""The places where the stack keeps data, each as a store that hands its content to a search."""
