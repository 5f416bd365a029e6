import subprocess
import sys

import pytest

import bayes_nmda as nmda


@pytest.mark.parametrize("name", nmda.__all__)
def test_every_public_name_is_there_and_explains_itself(name):
    value = getattr(nmda, name)
    assert callable(value)
    assert value.__doc__


def test_only_public_names_are_listed():
    assert dir(nmda) == sorted([*nmda.__all__, "__version__"])


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="bogus"):
        _ = nmda.bogus


def test_the_name_posterior_is_a_function_whatever_was_imported_before():
    code = (
        "import bayes_nmda as nmda, bayes_nmda.store.fits\n"
        "from bayes_nmda.errors import BayesNmdaError\n"
        "try: nmda.posterior('no such model')\n"
        "except BayesNmdaError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "no such model" in done.stdout
