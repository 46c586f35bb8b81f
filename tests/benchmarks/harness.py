"""What all benchmarks share: timing two things in turn, and the words of a result. Knows nothing of the product."""

import statistics
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """A speed and its baseline's, both in `unit` per second. `least_share` and `least_speed` are goals, 0 for none."""

    benchmark: str
    database: str
    unit: str
    speed: float
    baseline: float
    baseline_is: str
    least_share: float = 0
    least_speed: float = 0

    @property
    def share(self):
        """Our speed as a share of the baseline's."""
        return self.speed / self.baseline

    @property
    def is_reached(self):
        return self.share >= self.least_share and self.speed >= self.least_speed


def seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def in_turn(ours, baseline, rounds):
    """The medians of what both return, over so many rounds in which now the one and now the other comes first."""
    times = {ours: [], baseline: []}
    for number in range(rounds):
        for call in (ours, baseline) if number % 2 else (baseline, ours):
            times[call].append(call())
    return statistics.median(times[ours]), statistics.median(times[baseline])
