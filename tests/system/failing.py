"""A test that fails, for test_replay.py to record; its name keeps it out of the others."""
from conftest import Machine


def test_that_the_answer_is_41():
    with Machine() as machine:
        machine.prompt()
        # Longer than the FIFO of the UART, twice.
        assert machine.ok("echo the answer to the question is $((6 * 7))").endswith("is 41\n")
