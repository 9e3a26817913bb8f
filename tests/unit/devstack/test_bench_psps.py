"""The benchmark of the PSPs compares each load with those of the sandbox's own API around it."""

from devstack.bench.measure import Measurement
from devstack.bench.psps import OWN, _share


def a_load(target: str, per_second: float, mode: str = "closed loop, 1", psp: float = 1.0) -> Measurement:
    cpu = {"gateway": 400 / per_second, "connectors": 100 / per_second, "sandbox": psp}
    return Measurement(target, mode, per_second, {"p50": 1000 / per_second}, cpu, 100, 0, "")


def test_a_load_is_compared_with_its_neighbours_and_the_median_of_the_rounds_counts() -> None:
    rounds = []
    # The machine gets slower from round to round; the connector keeps nine tenths of the rate beside it.
    for own in (200.0, 100.0, 50.0):
        rounds += [a_load(OWN, own), a_load("sandbox_stripe", own * 0.9, psp=2.0), a_load(OWN, own)]
        rounds += [a_load(OWN, 1.0, "closed loop, 16"), a_load("sandbox_stripe", 9.0, "closed loop, 16")]
        rounds += [a_load(OWN, 1.0, "closed loop, 16")]

    share = _share(rounds, "sandbox_stripe", "closed loop, 1")

    assert (share["rate"], share["p50"], share["cpu"]) == (0.9, 1.111, 1.111)
    assert (share["psp_ms"], share["own_psp_ms"]) == (2.0, 1.0)


def test_drift_between_the_neighbours_is_shared_out() -> None:
    rounds = [a_load(OWN, 100.0), a_load("sandbox_adyen", 80.0), a_load(OWN, 60.0)]

    assert _share(rounds, "sandbox_adyen", "closed loop, 1")["rate"] == 1.0
