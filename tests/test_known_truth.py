"""Ten thousand claims whose truth is known without linres: no verdict is false, and hardly any is missing."""

from collections import Counter
from functools import cache

import pytest
from known_truth import FALSE, FAMILIES, NO_VALUE, REJECTED, TRUE, Claim, claim, claims, verdict
from sympy import Integer, Lt, pi

EACH = 500
SHARE_UNDECIDED = 0.02  # of the claims that have a value; measured: 0.006


@cache
def outcomes(family, count=EACH, seed=0):
    """How often each (truth, verdict) came about, and the first claims that were judged wrongly."""
    counts, wrong = Counter(), []
    for made in claims(family, count, seed=seed):
        found = verdict(made)
        counts[made.truth, found] += 1
        if found not in {made.truth, "undecided"}:
            wrong.append((made, found))
    return counts, wrong[:3]


def undecided_share(counts):
    having_value = {(truth, found): k for (truth, found), k in counts.items() if truth != NO_VALUE}
    undecided = sum(k for (_, found), k in having_value.items() if found == "undecided")
    return undecided / max(sum(having_value.values()), 1)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_verdict_is_false(family):
    _, wrong = outcomes(family)
    assert wrong == []


def test_ten_thousand_claims_are_decided_all_but_a_few():
    total = sum((outcomes(family)[0] for family in FAMILIES), Counter())
    assert total.total() >= 10_000
    assert undecided_share(total) < SHARE_UNDECIDED
    assert min(total[TRUE, TRUE], total[FALSE, FALSE]) > 3000
    assert total[REJECTED, REJECTED] > 200


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "without_value"])
def test_a_family_has_true_claims_and_false_ones(family):
    counts, _ = outcomes(family)
    assert min(counts[TRUE, TRUE], counts[FALSE, FALSE]) > EACH / 10


def test_what_has_no_value_is_never_decided():
    assert set(outcomes("without_value")[0]) == {(NO_VALUE, "undecided")}


def test_a_claim_judged_by_the_wrong_truth_is_noticed():
    right = claim(Lt, Integer(3), pi, -1)
    assert (verdict(right), right.truth) == (TRUE, TRUE)
    assert verdict(Claim(right.relation, {}, FALSE)) == TRUE
    assert verdict(claim(Lt, pi, Integer(3), 1)) == FALSE


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_no_verdict_is_false_of_ten_thousand_more_in_each_family(family):
    counts, wrong = outcomes(family, 10_000, 1)
    assert wrong == [] and undecided_share(counts) < 0.2
