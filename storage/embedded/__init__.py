"""The private mongod."""
