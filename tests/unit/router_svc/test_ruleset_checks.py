"""What is wrong with a draft is told before it is activated; what can't be known to be wrong is not."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_svc.adapters.cel.compiler import CelCompiler
from router_svc.application.check_ruleset import CheckRuleset
from router_svc.domain.eligibility import obstacle
from router_svc.domain.facts import AccountFacts, PaymentFacts
from router_svc.domain.problems import Problem, ProblemKind, Severity
from router_svc.domain.ruleset import Block, Ranking, RouteTo, Rule, Ruleset, Share, Split, StepUp, Strategy
from router_svc.domain.ruleset_checks import RULES_MAX
from tests.unit.router_svc.cel_grammar import accounts as any_accounts
from tests.unit.router_svc.cel_grammar import conditions, payments

CHECK = CheckRuleset(CelCompiler())
EURO = AccountFacts("stripe_eu", "stripe", currencies=frozenset({"EUR", "CHF"}))
DOLLAR = AccountFacts("adyen_us", "adyen", currencies=frozenset({"USD"}), brands=frozenset({"visa", "mastercard"}))
OFF = AccountFacts("adyen_old", "adyen", disabled=True)
ACCOUNTS = {account.account: account for account in (EURO, DOLLAR, OFF)}
ALL = RouteTo()


def problems_of(*rules: Rule, otherwise: RouteTo = ALL, more: Sequence[str] = ()) -> tuple[Problem, ...]:
    accounts = ACCOUNTS | {name: replace(EURO, account=name) for name in more}
    return CHECK(Ruleset(rules, otherwise), accounts)


def the_problem(*rules: Rule, otherwise: RouteTo = ALL, more: Sequence[str] = ()) -> Problem:
    (problem,) = problems_of(*rules, otherwise=otherwise, more=more)
    return problem


def told(problem: Problem) -> tuple[str, str, str, str]:
    return (problem.severity, problem.field, problem.why, problem.instead)


def conditions_told(*texts: str) -> list[tuple[ProblemKind, str]]:
    rules = [Rule(f"rule {index}", text, ALL) for index, text in enumerate(texts)]
    return [(problem.kind, problem.field) for problem in problems_of(*rules)]


def test_a_draft_without_problems_has_none() -> None:
    assert (
        problems_of(
            Rule("euros", 'currency in ["EUR", "CHF"] && amount >= 100000', RouteTo(("stripe_eu",))),
            Rule("dollars", 'currency == "USD"', Split((Share("adyen_us", 70), Share("stripe_eu", 30)))),
            Rule("risk", 'issuer_country == "US" && metadata.risk == "high"', Block("too risky")),
            Rule("learn", "amount > 5", RouteTo((), Strategy(Ranking.WEIGHTED, 80, 20_000))),
        )
        == ()
    )


def test_names_are_given_and_given_once() -> None:
    first, second, third = (
        problems_of(
            Rule("", 'brand == "visa"', ALL), Rule("a", 'brand == "amex"', ALL), Rule("a", 'brand == "jcb"', ALL)
        ),
        problems_of(Rule("x" * 65, "true", ALL)),
        problems_of(),
    )
    assert [told(problem) for problem in first] == [
        ("error", "rules[0].name", "the rule has no name", "say in a few words what the rule is for"),
        (
            "error",
            "rules[2].name",
            "rules[1] has the name `a` too, and decisions name the rule that made them",
            "give each rule a name of its own",
        ),
    ]
    assert [(problem.field, problem.why) for problem in second] == [
        ("rules[0].name", "the name has 65 characters, and a name has at most 64")
    ]
    assert third == ()


@pytest.mark.parametrize(
    ("account", "severity", "why", "instead"),
    [
        ("stripe_ue", "error", "the merchant has no account `stripe_ue`", "write `stripe_eu`"),
        (
            "adyen",
            "error",
            "the merchant has no account `adyen`",
            "`adyen` is a connector: name one of its accounts, `adyen_old`, `adyen_us`",
        ),
        (
            "worldpay",
            "error",
            "the merchant has no account `worldpay`",
            "name one of these: `adyen_old`, `adyen_us`, `stripe_eu`",
        ),
        (
            "adyen_old",
            "warning",
            "the account `adyen_old` is disabled, so that no payment goes to it",
            "enable the account, or leave it out",
        ),
        ("stripe_eu", "error", "the account `stripe_eu` stands here twice", "name each account once"),
    ],
)
def test_accounts_are_those_of_the_merchant(account: str, severity: str, why: str, instead: str) -> None:
    problem = the_problem(Rule("r", "amount > 5", RouteTo(("stripe_eu", account))))
    assert told(problem) == (severity, "rules[0].action.accounts[1]", why, instead)
    problem = the_problem(Rule("r", "amount > 5", Split((Share("stripe_eu", 1), Share(account, 1)))))
    assert told(problem) == (severity, "rules[0].action.shares[1].account", why, instead)
    problem = the_problem(otherwise=RouteTo(("stripe_eu", account)))
    assert told(problem) == (severity, "otherwise.accounts[1]", why, instead)


def test_a_merchant_without_accounts_is_told_to_create_one() -> None:
    problems = CHECK(Ruleset((Rule("r", "amount > 5", RouteTo(("a",))),)), {})
    assert [(problem.field, problem.kind) for problem in problems] == [
        ("rules[0].action.accounts[0]", ProblemKind.ACCOUNT),
        ("rules[0].action.accounts", ProblemKind.NOT_SERVED),
        ("otherwise.accounts", ProblemKind.NOT_SERVED),
    ]
    assert problems[0].instead == "create an account first"


@pytest.mark.parametrize(
    ("shares", "field", "why"),
    [
        ((), "shares", "a split of 0 shares can't be made"),
        (tuple(Share(f"a{n}", 1) for n in range(11)), "shares", "a split of 11 shares can't be made"),
        ((Share("stripe_eu", 1),), "shares", "a split of one share splits nothing"),
        (
            (Share("stripe_eu", 1), Share("adyen_us", 0)),
            "shares[1].weight",
            "0 is no weight: an account with it would never come first",
        ),
        (
            (Share("stripe_eu", -5), Share("adyen_us", 5)),
            "shares[0].weight",
            "-5 is no weight: an account with it would never come first",
        ),
        (
            (Share("stripe_eu", 1_000_000), Share("adyen_us", 1)),
            "shares",
            "the weights make 1000001 parts together, and a split has at most 1000000",
        ),
    ],
)
def test_weights_of_a_split_can_be_used(shares: tuple[Share, ...], field: str, why: str) -> None:
    problems = problems_of(Rule("r", "amount > 5", Split(shares)))
    assert (f"rules[0].action.{field}", why) in [(problem.field, problem.why) for problem in problems]


@pytest.mark.parametrize(
    ("strategy", "severity", "field"),
    [
        (Strategy(Ranking.WEIGHTED, success_weight=101), "error", "success_weight"),
        (Strategy(Ranking.WEIGHTED, success_weight=-1), "error", "success_weight"),
        (Strategy(Ranking.LEAST_COST, success_weight=50), "warning", "success_weight"),
        (Strategy(Ranking.SUCCESS_RATE, explore_ppm=100_001), "error", "explore_ppm"),
        (Strategy(Ranking.SUCCESS_RATE, explore_ppm=-1), "error", "explore_ppm"),
        (Strategy(Ranking.PRIORITY, explore_ppm=1), "warning", "explore_ppm"),
    ],
)
def test_strategies_keep_their_bounds(strategy: Strategy, severity: str, field: str) -> None:
    problem = the_problem(Rule("r", "amount > 5", RouteTo((), strategy)))
    assert (problem.severity, problem.field) == (severity, f"rules[0].action.strategy.{field}")
    problem = the_problem(otherwise=RouteTo((), strategy))
    assert (problem.severity, problem.field) == (severity, f"otherwise.strategy.{field}")


def test_a_block_says_why() -> None:
    assert the_problem(Rule("r", "amount > 5", Block(" "))).field == "rules[0].action.reason"
    assert the_problem(Rule("r", "amount > 5", Block("x" * 201))).field == "rules[0].action.reason"


def test_a_draft_of_too_many_rules_is_not_looked_at() -> None:
    rules = [Rule(f"rule {n}", "curency", ALL) for n in range(RULES_MAX + 1)]
    assert told(the_problem(*rules)) == (
        "error",
        "rules",
        "there are 201 rules, and a ruleset has at most 200",
        "put rules with one action together",
    )


def test_problems_come_in_the_order_of_the_rules_whatever_they_are() -> None:
    rules = [Rule(f"rule {n}", "amount > 5", RouteTo(("nobody", "stripe_eu"))) for n in range(11)]
    rules[10] = replace(rules[10], condition="amount = 5")
    fields = [problem.field for problem in problems_of(*rules, otherwise=RouteTo(("nobody", "stripe_eu")))]
    assert [field.partition(".")[0] for field in fields] == [
        *(f"rules[{n}]" for n in range(11) for _ in range(1 if n == 0 else 2)),
        "otherwise",
    ]


@pytest.mark.parametrize(
    "condition",
    [
        'currency == "EUR" && currency == "USD"',
        'currency == "EUR" && currency in ["USD", "CHF"]',
        "amount > 100 && amount < 50",
        "amount > 100 && !(amount > 99)",
        "amount < 0",
        "amount > 9223372036854775807",
        "false",
        'amount > 3 && (brand == "visa" || brand == "amex") && brand == "jcb"',
        'brand != "visa" && !(brand in ["amex", "jcb"]) && brand in ["visa", "amex"]',
        'bin.startsWith("41") && bin.startsWith("42")',
        'bin.startsWith("41") && bin == "421111"',
        'metadata.tier == "gold" && metadata["tier"] == "basic"',
        '!has(metadata.tier) && metadata.tier == "gold"',
        'at.getHours("Europe/Berlin") >= 24',
        'at.getHours("Europe/Berlin") > 22 && at.getHours("Europe/Berlin") < 6',
        'initiator == "merchant" ? amount < 0 : false',
        "size(currency) == 3 && !(size(currency) == 3)",
        'brand == "visa" ? brand == "amex" : brand == "visa"',
    ],
)
def test_a_condition_that_no_payment_fulfils_is_told(condition: str) -> None:
    problem = the_problem(Rule("r", condition, ALL))
    assert (problem.severity, problem.kind) == (Severity.ERROR, ProblemKind.NEVER_HOLDS)
    assert problem.field == "rules[0].condition"
    assert problem.why == "no payment fulfils the condition: its parts exclude each other"


@pytest.mark.parametrize(
    ("condition", "column", "why", "instead"),
    [
        ('amount > 5 && brand == "viza"', 24, 'no payment has the brand "viza"', 'write "visa"'),
        ('brand in ["visa", "AMEX"]', 19, 'no payment has the brand "AMEX"', 'write "amex"'),
        ('currency != "EURO"', 13, 'no payment has the currency "EURO"', 'write "EUR"'),
        (
            'initiator == "shop"',
            14,
            'no payment has the initiator "shop"',
            "write one of: customer, merchant",
        ),
        (
            'issuer_country == "de"',
            19,
            'no payment has the issuer_country "de"',
            'write two capital letters of ISO 3166-1, like "DE"',
        ),
        (
            'bin == "4111"',
            8,
            'no payment has the bin "4111"',
            'write six to eight digits; for fewer write `bin.startsWith("4111")`',
        ),
        (
            'bin.startsWith("411111111")',
            16,
            'no bin begins with "411111111"',
            "write the first digits of the card, at most eight",
        ),
    ],
)
def test_words_that_no_payment_has_are_told(condition: str, column: int, why: str, instead: str) -> None:
    problem = the_problem(Rule("r", condition, ALL))
    assert (problem.severity, problem.kind) == (Severity.ERROR, ProblemKind.UNKNOWN_WORD)
    assert (problem.why, problem.instead) == (why, instead)
    assert problem.position is not None
    assert problem.position.column == column


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("amount > 5", "amount > 5"),
        ("amount > 5", "amount>5 // large"),
        ("", 'currency == "EUR"'),
        ("true", "size(metadata) > 3"),
        ('currency == "EUR"', 'currency == "EUR" && amount > 5'),
        ('currency in ["EUR", "USD"]', 'currency == "USD"'),
        ("amount >= 5", "amount > 5"),
        ('brand == "visa" || amount > 5', 'brand == "visa" && metadata.tier == "gold"'),
        ('metadata.tier < "c"', 'metadata.tier < "c" && amount > 5'),
        ('bin.startsWith("41")', 'bin.startsWith("4111")'),
        ('brand != "visa"', 'brand in ["amex", "jcb"]'),
        ("has(metadata.tier)", 'metadata.tier == "gold"'),
    ],
)
def test_a_rule_that_an_earlier_one_hides_is_told(first: str, second: str) -> None:
    problem = the_problem(Rule("wide", first, ALL), Rule("narrow", second, ALL))
    assert told(problem) == (
        "error",
        "rules[1].condition",
        "the rule `wide` before it holds for every payment that this one would hold for",
        "move the rule up, before the one that hides it, or delete it",
    )
    assert conditions_told('brand == "jcb"', second) == []


def test_rules_hide_another_together() -> None:
    texts = ('brand == "visa"', 'metadata.tier == "gold"', 'brand != "visa" && amount > 5', "amount > 6")
    assert conditions_told(*texts) == [(ProblemKind.HIDDEN, "rules[3].condition")]
    assert problems_of(*[Rule(text, text, ALL) for text in texts])[0].why == (
        "the rules before it together hold for every payment that this one would hold for"
    )
    assert conditions_told("has(metadata.a)", "!has(metadata.a)", "true") == [
        (ProblemKind.HIDDEN, "rules[2].condition")
    ]


def test_rules_that_fail_or_are_not_understood_hide_nothing() -> None:
    assert conditions_told('metadata.tier == "gold"', '!(metadata.tier == "gold")', "amount > 5") == []
    assert conditions_told("amount / amount == 1", "!(amount / amount == 1)", "amount > 5") == []
    assert conditions_told("amount = 5", "amount > 5") == [(ProblemKind.CONDITION, "rules[0].condition")]


def test_a_rule_whose_accounts_can_take_none_of_its_payments_is_told() -> None:
    problem = the_problem(Rule("r", 'currency == "USD" && amount > 5', RouteTo(("stripe_eu",))))
    assert told(problem) == (
        "error",
        "rules[0].action.accounts",
        'no account of the rule can take a payment that its condition lets through: none takes currency "USD"',
        "name accounts that can, or narrow the condition",
    )
    problem = the_problem(Rule("r", 'brand == "amex" && currency == "USD"', RouteTo(("adyen_us", "stripe_eu"))))
    assert (problem.severity, problem.kind) == (Severity.ERROR, ProblemKind.NOT_SERVED)
    problem = the_problem(
        Rule("r", 'currency == "USD"', Split((Share("stripe_eu", 1), Share("euros", 1)))), more=("euros",)
    )
    assert (problem.severity, problem.field) == (Severity.ERROR, "rules[0].action.shares")


def test_values_that_a_condition_names_and_no_account_takes_are_told() -> None:
    problem = the_problem(Rule("r", 'currency in ["EUR", "USD", "JPY"]', RouteTo(("stripe_eu",))))
    assert told(problem) == (
        "warning",
        "rules[0].action.accounts",
        'the condition lets payments with currency "JPY", "USD" through, and no account of the rule takes them',
        'add an account that does, or take "JPY", "USD" out of the condition',
    )
    # A rule before this one takes those away.
    assert (
        problems_of(
            Rule("first", 'currency in ["USD", "JPY"]', Block("not yet")),
            Rule("r", 'currency in ["EUR", "USD", "JPY"]', RouteTo(("stripe_eu",))),
        )
        == ()
    )
    # Who excludes a currency does not ask for all the others.
    assert problems_of(Rule("r", 'currency != "USD"', RouteTo(("stripe_eu",)))) == ()


def test_payments_that_neither_a_rule_nor_the_rest_can_serve_are_told() -> None:
    problem = problems_of(otherwise=RouteTo(("adyen_old",)))[-1]
    assert told(problem) == (
        "error",
        "otherwise.accounts",
        "no account can take a payment for which no rule holds",
        "name accounts that can, or end with a rule that blocks such payments and says why",
    )
    ending = Rule("rest", "", Block("nothing else"))
    assert [problem.kind for problem in problems_of(ending, otherwise=RouteTo(("adyen_old",)))] == [ProblemKind.ACCOUNT]


def test_limits_of_amounts_count_by_currency() -> None:
    small = AccountFacts("small", "stripe", limits={"EUR": (1, 100)})
    draft = Ruleset((Rule("r", 'amount > 100 && currency == "EUR"', RouteTo(("small",))),))
    assert [problem.kind for problem in CHECK(draft, {"small": small})] == [ProblemKind.NOT_SERVED]
    draft = Ruleset((Rule("r", "amount > 100", RouteTo(("small",))),))
    assert CHECK(draft, {"small": small}) == ()


@pytest.mark.timeout(300)
def test_a_draft_that_is_as_large_and_entangled_as_may_be_is_checked_in_time() -> None:
    parts = " && ".join(f'(brand == "visa" || amount != {n} || metadata.k{n} != "x")' for n in range(6))
    rules = [Rule(f"rule {n}", f"{parts} && amount != {n}", ALL) for n in range(RULES_MAX)]
    # Were the work to double with each rule, no machine would come to the end of it.
    problems_of(*rules)


@settings(max_examples=100)
@given(
    st.lists(conditions, min_size=1, max_size=4),
    st.lists(any_accounts, max_size=3, unique_by=lambda account: account.account),
    st.lists(payments, min_size=1, max_size=8),
)
def test_nothing_is_called_impossible_that_is_possible(
    texts: list[str], accounts: list[AccountFacts], asked: list[PaymentFacts]
) -> None:
    known = {account.account: account for account in accounts}
    ruleset = Ruleset(tuple(Rule(f"rule {n}", text, RouteTo(("a", "b"))) for n, text in enumerate(texts)))
    problems = CHECK(ruleset, known)
    held = CelCompiler().compile(ruleset.rules)
    for facts in asked:
        verdict = held(facts)
        for problem in problems:
            _require_possible(problem, verdict.held, facts, known, ("a", "b"))


def _require_possible(
    problem: Problem, held: int | None, facts: PaymentFacts, known: dict[str, AccountFacts], named: Sequence[str]
) -> None:
    decides = problem.field.partition(".")[0] == ("otherwise" if held is None else f"rules[{held}]")
    if not decides or problem.kind not in {ProblemKind.NEVER_HOLDS, ProblemKind.HIDDEN, ProblemKind.NOT_SERVED}:
        return
    assert problem.kind is ProblemKind.NOT_SERVED
    usable = [name for name in (named if held is not None else known) if name in known]
    served = any(not obstacle(facts, known[name]) for name in usable)
    if problem.severity is Severity.ERROR:
        assert not served
    else:
        name = problem.why.split()[5]
        assert not served or f'"{getattr(facts, name)}"' not in problem.why


def test_a_rule_that_requires_3d_secure_of_accounts_that_can_not_is_an_error() -> None:
    features = frozenset({"stored_credential", "external_three_ds"})
    accounts = {"b": replace(EURO, account="b", features=features)}

    def problems(condition: str, *, able: bool = False) -> list[tuple[str, str, str]]:
        more = {"a": replace(EURO, account="a", features=features | {"challenge"})} if able else {}
        rule = Rule("strong", condition, RouteTo(tuple(sorted({**accounts, **more}))), StepUp.REQUIRE)
        found = CHECK(Ruleset((rule,), RouteTo(("b",))), accounts | more)
        return [(problem.severity, problem.field, problem.why) for problem in found]

    euros = 'currency == "EUR"'
    [(severity, field, why)] = problems(f'{euros} && initiator == "customer" && three_ds == "none"')
    assert (severity, field) == ("error", "rules[0].action.accounts")
    assert why == "the rule requires 3-D Secure, and none of its accounts can bring shoppers through it"
    assert problems(f'{euros} && initiator == "customer" && three_ds == "none"', able=True) == []
    assert problems(f'{euros} && initiator == "merchant"') == [], "nobody is there to authenticate"
    assert problems(f'{euros} && three_ds == "external"') == []
