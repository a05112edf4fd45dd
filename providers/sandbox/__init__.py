"""A local Google and Microsoft: OAuth, the People API and Graph contacts, for the demo, the tests and the benches.

It is the outside world, so it imports nothing else of this project. All of it lives in memory and dies with
the process.
"""
