"""What operators do now and then: erase, rotate keys, report, forget."""
