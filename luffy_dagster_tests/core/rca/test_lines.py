"""What the line of a frame does, in several languages."""

import time

import pytest

from luffy_dagster.core.rca.lines import givers, hands_nothing, is_condition, passes_on


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("    if order.amount > 0:", True),
        ("        elif x:", True),
        ("} else if (order == null) {", True),
        ("  while (it.hasNext()) {", True),
        ("for order in orders:", True),
        ("  unless ready?", True),
        ("amount = order.amount if order else 0", False),
        ("iffy(order)", False),
        ("format(x)", False),
    ],
)
def test_a_condition(line, says):
    assert is_condition(line) is says


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("    return func(*args, **kwargs)", True),
        ("    o = func(self, **kw)", True),
        ("  return handler(...args)", True),
        ("    next(args...)", True),
        ("        return point.proceed();", True),
        ("        chain.doFilter(request, response);", True),
        ("            task.run();", True),
        ("    consumer.accept(value)", True),
        ("    return total(order)", False),
        ("    return a * b", False),
        ("    area = width(**2)", False),
    ],
)
def test_what_passes_on(line, says):
    assert passes_on(line) is says


def test_what_hands_nothing_over():
    assert hands_nothing("    self.update( )", "update") and hands_nothing("return new Shop().open();", "open")
    assert not hands_nothing("    self.update(order)", "update") and not hands_nothing("    self.update_all()", "update")
    assert not hands_nothing("anything()", "")


def test_values_are_followed_back_to_who_gave_them():
    above = ["def pay(order):", "    other = unrelated(order)", "    raw = read_rate(order)", "    rate = as_number(raw)", "    note = 'rate = fake(1)'"]
    assert givers(above, "    return order.amount * rate") == {"as_number", "read_rate"}
    java = ["  Price price = prices.findFor(order);", "  final int cents = price.getCents();"]
    assert givers(java, "  return cents / order.count();") == {"getCents", "findFor"}
    assert givers(["  rate := rateOf(order)"], "  return amount * rate") == {"rateOf"}
    assert givers(above, "    return 1") == givers([], "rate") == frozenset()


def test_comparisons_give_no_value():
    assert givers(["if rate == rate_of(order):"], "rate") == frozenset()


def test_long_lines_cost_nothing():
    """Lines of generated code, as an attacker would write them."""
    began = time.process_time()
    for piece in ("a,", "a ", "a:", "a=", "'a", "a.b(", "(*"):
        long = piece * 200_000
        passes_on(long), hands_nothing(long, "a"), is_condition(long)
        givers([long] * 60, "a = a")
    assert time.process_time() - began < 20  # a guard against what never ends, no measurement
