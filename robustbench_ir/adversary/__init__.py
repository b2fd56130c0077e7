"""The worst case: search for the perturbation that hurts most, and what of it carries over to other encoders.

This is the only room that knows both recipes and encoders. A goal says what is wanted, a budget what it may cost, the
candidates what may be done to a query, a search method in which order it is tried.
"""

from __future__ import annotations

from robustbench_ir.adversary.attack import Searched, search
from robustbench_ir.adversary.budget import Budget
from robustbench_ir.adversary.goals import Goal, make_goal
from robustbench_ir.adversary.methods import Method, make_method
from robustbench_ir.adversary.outcomes import Attacked

__all__ = ["Attacked", "Budget", "Goal", "Method", "Searched", "make_goal", "make_method", "search"]
