"""Endpoints are told of the ends of jobs."""
