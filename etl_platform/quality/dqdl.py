"""Reading DQDL, the rule language of AWS Glue Data Quality."""

import re
from functools import cache
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedEOF, UnexpectedInput, VisitError

from etl_platform.quality.dqdl_rules import Composite, Condition, DqdlError, Dynamic, Now, Rule, Ruleset

GRAMMAR = r"""
ruleset: section+
section: "Rules" "=" "[" [rule ("," rule)* ","?] "]"          -> rules
       | "Analyzers" "=" "[" [rule ("," rule)* ","?] "]"      -> analyzers
?rule: single
     | group ("and"i group)+  -> all_of
     | group ("or"i group)+   -> any_of
     | group
?group: "(" rule ")"
single: NAME parameter* condition? where? threshold?
parameter: STRING
where: "where" STRING
threshold: "with" "threshold" condition
condition: OPERATOR operand                                   -> compared
         | "not"i "between" operand "and" operand              -> not_between
         | "between" operand "and" operand                    -> between
         | "not"i "in" "[" operand ("," operand)* "]"          -> not_one_of
         | "in" "[" operand ("," operand)* "]"                -> one_of
         | "not"i "matches" STRING                             -> not_matching
         | "matches" STRING                                   -> matching
?operand: NUMBER "%"          -> percent
        | duration
        | moment
        | NUMBER              -> number
        | DYNAMIC             -> dynamic
        | STRING              -> text
        | ("true"|"TRUE")     -> yes
        | ("false"|"FALSE")   -> no
        | "NULL"              -> null
        | "EMPTY"             -> empty
        | "WHITESPACES_ONLY"  -> blank
duration: NUMBER ("days"|"day")      -> days
        | NUMBER ("hours"|"hour")    -> hours
moment: "(" moment ")"               -> same
      | "now" "(" ")"                -> now
      | "now" "(" ")" "-" duration   -> before
      | "now" "(" ")" "+" duration   -> later
OPERATOR: "!=" | ">=" | "<=" | "=" | ">" | "<"
NAME: /(?!(Rules|Analyzers|and|or|with|where|between|in|not|matches|now)\b)[A-Z][A-Za-z]*/
DYNAMIC: /(last|avg|min|max|sum|median|std|index|percentile)\s*/ ARGUMENTS [/\s*[-+*]\s*\d+(\.\d+)?/]
ARGUMENTS: /\((?:[^()]|\([^()]*\))*\)/
NUMBER: /[+-]?\d+(\.\d+)?/
STRING: /"(?:[^"\\]|\\.)*"/
COMMENT: /#[^\n]*/
%ignore /\s+/
%ignore COMMENT
"""
DAY, HOUR = 86_400.0, 3_600.0
"""Seconds."""
EMPTY, BLANK = object(), object()
"""The keywords EMPTY (a text without letters) and WHITESPACES_ONLY."""


@cache
def _grammar() -> Lark:
    return Lark(GRAMMAR, start="ruleset", parser="earley", propagate_positions=True, maybe_placeholders=False)


def _condition(operator: str, negated: bool = False) -> Any:
    return lambda self, *operands: Condition(operator, operands, negated)


def unquoted(text: str) -> str:
    """A quoted text without its quotes; a backslash quotes a quote or a backslash."""
    return re.sub(r'\\(["\\])', r"\1", text[1:-1])


@v_args(inline=True)
class _Reader(Transformer[Token, Any]):
    """Builds the ruleset out of the tree."""

    def __init__(self, source: str):
        super().__init__()
        self.source = source

    not_between, between = _condition("between", True), _condition("between")
    not_one_of, one_of = _condition("in", True), _condition("in")

    def compared(self, operator: str, operand: Any) -> Condition:
        return Condition(str(operator), (operand,))

    def matching(self, pattern: str) -> Condition:
        return Condition("matches", (pattern[1:-1],))

    def not_matching(self, pattern: str) -> Condition:
        return Condition("matches", (pattern[1:-1],), True)

    def number(self, text: str) -> float:
        return float(text) if "." in text else int(text)

    def percent(self, text: str) -> float:
        return float(text) / 100

    def dynamic(self, text: str) -> Dynamic:
        return Dynamic(str(text))

    def days(self, text: str) -> float:
        return float(text) * DAY

    def hours(self, text: str) -> float:
        return float(text) * HOUR

    def now(self) -> Now:
        return Now()

    def before(self, seconds: float) -> Now:
        return Now(-seconds)

    def later(self, seconds: float) -> Now:
        return Now(seconds)

    def same(self, moment: Now) -> Now:
        return moment

    def text(self, token: str) -> str:
        return unquoted(token)

    def yes(self) -> bool:
        return True

    def no(self) -> bool:
        return False

    def null(self) -> None:
        return None

    def empty(self) -> object:
        return EMPTY

    def blank(self) -> object:
        return BLANK

    def parameter(self, token: str) -> str:
        return unquoted(token)

    def where(self, token: str) -> tuple[str, str]:
        return ("where", unquoted(token))

    def threshold(self, condition: Condition) -> tuple[str, Condition]:
        return ("threshold", condition)

    @v_args(meta=True, inline=False)
    def single(self, meta: Any, parts: list[Any]) -> Rule:
        options = dict(part for part in parts[1:] if isinstance(part, tuple))
        conditions = [part for part in parts if isinstance(part, Condition)]
        parameters = tuple(part for part in parts[1:] if isinstance(part, str))
        return Rule(
            str(parts[0]),
            parameters,
            conditions[0] if conditions else None,
            options.get("threshold"),
            options.get("where"),
            self._source(meta),
        )

    @v_args(meta=True, inline=False)
    def all_of(self, meta: Any, parts: list[Any]) -> Composite:
        return Composite("and", tuple(parts), self._source(meta))

    @v_args(meta=True, inline=False)
    def any_of(self, meta: Any, parts: list[Any]) -> Composite:
        return Composite("or", tuple(parts), self._source(meta))

    def _source(self, meta: Any) -> str:
        text = self.source[meta.start_pos : meta.end_pos]
        # Line breaks and indents go, blanks within quotes stay.
        return re.sub(r'("(?:[^"\\]|\\.)*")|\s+', lambda found: found[1] or " ", text)

    @v_args(inline=False)
    def rules(self, parts: list[Any]) -> Ruleset:
        return Ruleset(tuple(parts))

    @v_args(inline=False)
    def analyzers(self, parts: list[Any]) -> Ruleset:
        return Ruleset((), tuple(parts))

    @v_args(inline=False)
    def ruleset(self, sections: list[Ruleset]) -> Ruleset:
        rules = tuple(rule for section in sections for rule in section.rules)
        return Ruleset(rules, tuple(a for section in sections for a in section.analyzers))


def parse(text: str) -> Ruleset:
    """The rules of a DQDL ruleset, such as `Rules = [ IsComplete "id" ]`.

    Raises:
        DqdlError: Where it is not DQDL, with the line and column.
    """
    try:
        return _Reader(text).transform(_grammar().parse(text))
    except UnexpectedEOF as fault:
        raise DqdlError(
            "DQDL: the ruleset ends before it is whole; is a closing ] or a quote missing? "
            'Expected a ruleset such as Rules = [ IsComplete "id", ColumnValues "price" > 0 ].'
        ) from fault
    except UnexpectedInput as fault:
        raise DqdlError(
            f"DQDL, line {fault.line}, column {fault.column}: cannot read on here:\n{fault.get_context(text)}"
            'Expected a ruleset such as Rules = [ IsComplete "id", ColumnValues "price" > 0 ].'
        ) from fault
    except VisitError as fault:
        raise DqdlError(f"DQDL: {fault.orig_exc}") from fault
