from __future__ import annotations

from mmmim.reproduce.plan import RowPlan, Settings, plan_table
from mmmim.reproduce.tables import find_table, load_tables


def planned(method: str, table: str, row: str, **settings) -> RowPlan:
    plans = plan_table(method, find_table(table, load_tables(method)), Settings(**settings))
    return next(plan for plan in plans if plan.row.name == row)
