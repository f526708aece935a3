"""Pure numpy: no models, no disks, no state. Property-tested."""
