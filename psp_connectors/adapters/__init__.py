"""What ties the use cases to gRPC, HTTP, the vault and files."""
