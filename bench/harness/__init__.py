"""The benchmark harness; bench/README.md describes it."""
