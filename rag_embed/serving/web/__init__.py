"""A library over HTTP: JSON for programs, OpenAPI, metrics."""
