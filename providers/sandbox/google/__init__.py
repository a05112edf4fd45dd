"""A local Google: its userinfo and the People API."""
