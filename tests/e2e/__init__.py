"""End to end: REST through Envoy, every real component, the sandbox PSP."""
