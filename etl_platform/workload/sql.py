"""What is read off a SQL text, by sqlglot: which tables it joins on which columns."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from etl_platform.workload.frames import HOWS, Column, Frame, ScriptFacts, column_of
from etl_platform.workload.joins import How

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope

Resolve = Callable[[str], Frame]
"""Name of a table in the text → what it is; it notes the read."""

BROADCAST_HINTS = ("BROADCAST", "BROADCASTJOIN", "MAPJOIN")


class SqlReader:
    """Reads statements into the facts of a script."""

    def __init__(self, facts: ScriptFacts, resolve: Resolve, columns: Mapping[str, Iterable[str]]):
        self._facts = facts
        self._resolve = resolve
        self._columns = columns
        self._frames: dict[int, Frame] = {}

    def read(self, text: str) -> Frame:
        """Note tables, joins and operations of all statements; gives the frame of the last query."""
        import sqlglot
        from sqlglot.errors import SqlglotError
        from sqlglot.optimizer.scope import traverse_scope

        frame = Frame(())
        try:
            for statement in sqlglot.parse(text, dialect="spark"):
                if statement is None:
                    continue
                self._count(statement)
                for scope in traverse_scope(statement):
                    frame = self._scope(scope)
        except SqlglotError as error:
            reason = str(error).splitlines()[0]
            self._facts.notes.append(f"a SQL text is not understood: {reason}")
        return frame

    def _count(self, statement: "exp.Expr") -> None:
        from sqlglot import exp

        kinds = {
            "window": exp.Window,
            "aggregate": exp.Group,
            "distinct": exp.Distinct,
            "sort": exp.Order,
            "union": exp.Union,
            "pivot": exp.Pivot,
        }
        for kind, found in kinds.items():
            nodes = [node for node in statement.find_all(found) if not isinstance(node.parent, exp.Window)]
            self._facts.operations[kind] += len(nodes)

    def _scope(self, scope: "Scope") -> Frame:
        """Note the joins of one SELECT; the scopes below it come before it."""
        tables = {name: self._frame(source) for name, (_, source) in scope.selected_sources.items()}
        joins = {join.alias_or_name: join for join in scope.expression.args.get("joins") or ()}
        # sqlglot does not count tables of semi and anti joins as selected.
        tables |= {
            name: self._frame(scope.sources[name])
            for name in joins
            if name not in tables and name in scope.sources
        }
        names = list(tables)
        whole = Frame(())
        for name, table in tables.items():
            whole = whole.joined(table.with_alias(name))
        self._hints(scope, tables)
        where = scope.expression.args.get("where")
        for index, name in enumerate(names):
            if name not in joins:
                continue
            before = {one: tables[one] for one in names[:index]}
            self._join(joins[name], name, tables[name], before, where)
        for below in scope.subquery_scopes:
            inner = self._frames.get(id(below), Frame(()))
            # A subquery on the same table, such as the day of its newest row, is a filter.
            if whole.sources and inner.sources and whole.sources[0] != inner.sources[0]:
                self._facts.join(whole, inner, (), "anti" if _negated(below.expression) else "semi")
        if scope.set_operation_scopes:
            below = [self._frames.get(id(one), Frame(())) for one in scope.set_operation_scopes]
            whole = self._facts.union(whole, *below)
        result = Frame(whole.sources, renamed=self._renamed(scope, whole))
        self._frames[id(scope)] = result
        return result

    def _renamed(self, scope: "Scope", frame: Frame) -> dict[str, Column]:
        """Columns of the answer of a SELECT and where they come from."""
        from sqlglot import exp

        found = dict(frame.renamed)
        query = scope.expression
        for projection in query.selects if isinstance(query, exp.Query) else ():
            column = projection.unalias()
            if isinstance(column, exp.Column) and not column.is_star:
                origin = self._column(column, frame)
                if origin:
                    found[projection.alias_or_name] = origin
        return found

    def _frame(self, source: "exp.Table | Scope") -> Frame:
        from sqlglot import exp

        if not isinstance(source, exp.Table):
            return self._frames.get(id(source), Frame(()))
        parts = [part.name for part in source.parts]
        return self._resolve(".".join(parts) if "://" not in parts[-1] else parts[-1])

    def _hints(self, scope: "Scope", tables: Mapping[str, Frame]) -> None:
        hint = scope.expression.args.get("hint")
        for one in hint.expressions if hint else ():
            if one.name.upper() in BROADCAST_HINTS:
                frames = (tables.get(table.name, Frame(())) for table in one.expressions)
                self._facts.hinted.update(frame.sources[0] for frame in frames if frame.sources)

    def _join(
        self,
        join: "exp.Join",
        name: str,
        table: Frame,
        before: Mapping[str, Frame],
        where: "exp.Expr | None",
    ) -> None:
        from sqlglot import exp

        left = Frame(())
        for one, frame in before.items():
            left = left.joined(frame.with_alias(one))
        pairs: list[tuple[Column, Column]] = []
        for using in join.args.get("using") or ():
            one = column_of(left, using.name, self._columns)
            other = column_of(table, using.name, self._columns)
            if one and other:
                pairs.append((one, other))
        condition = join.args.get("on")
        # A join without ON is read as one on TRUE.
        condition = None if isinstance(condition, exp.Boolean) else condition
        right = table.with_alias(name)
        pairs += self._equalities(condition, left, right)
        # `FROM a, b WHERE a.x = b.x` is an inner join that is written as a cross join.
        implied = self._equalities(where, left, right) if not condition and not pairs else []
        how = self._how(join)
        if how == "cross" and implied:
            how = "inner"
        elif how == "inner" and not (condition or pairs or implied) and join.method != "NATURAL":
            how = "cross"
        self._facts.join(left, right, pairs + implied, how, listed=True)

    def _how(self, join: "exp.Join") -> How:
        word = (join.side or "").lower() + (join.kind or "").lower()
        return HOWS.get(word, HOWS.get((join.kind or "").lower(), "inner"))

    def _equalities(
        self, condition: "exp.Expr | None", left: Frame, right: Frame
    ) -> list[tuple[Column, Column]]:
        """Pairs of columns that must be equal, the left frame's first."""
        from sqlglot import exp

        pairs = []
        for equal in condition.find_all(exp.EQ, exp.NullSafeEQ) if condition else ():
            if not (isinstance(equal.left, exp.Column) and isinstance(equal.right, exp.Column)):
                continue
            one, other = equal.left, equal.right
            for first, second in ((one, other), (other, one)):
                found = self._column(first, left), self._column(second, right)
                # Only names of its own tell the two sides of a table that is joined with itself.
                qualified = bool(first.table and second.table)
                if found[0] and found[1] and (qualified or found[0][0] != found[1][0]):
                    pairs.append(found)
                    break
        return pairs

    def _column(self, column: "exp.Column", frame: Frame) -> Column | None:
        if column.table:
            return column_of(frame, f"{column.table}.{column.name}", self._columns)
        if len(frame.sources) > 1 and not any(
            column.name in self._columns.get(source, ()) for source in frame.sources
        ):
            return None
        return column_of(frame, column.name, self._columns)


def _negated(query: "exp.Expr") -> bool:
    """Whether a subquery stands under `NOT EXISTS` or `NOT IN`."""
    from sqlglot import exp

    above = query.parent
    while isinstance(above, exp.Subquery | exp.Exists | exp.In | exp.Paren):
        above = above.parent
    return isinstance(above, exp.Not)
