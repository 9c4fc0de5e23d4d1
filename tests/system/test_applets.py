"""A hundred applets of busybox print what they print on Linux."""
import applets
import pytest
from conftest import launch


@pytest.fixture(scope="module")
def results():
    done = launch(stdin=applets.script(), timeout=240)
    return applets.split(done.stdout.decode(errors="replace"))


def test_the_session_reached_its_end(results):
    assert "end" in results


@pytest.mark.parametrize("name", [name for name, _ in applets.cases()])
def test_applet(results, name):
    assert results.get(name) == applets.expected()[name]
