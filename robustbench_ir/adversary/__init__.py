"""The worst case: search for the perturbation that hurts most, and what of it carries over to other encoders.

This is the only room that knows both recipes and encoders. A goal says what is wanted, a budget what it may cost, the
candidates what may be done to a query, a search method in which order it is tried.
"""
