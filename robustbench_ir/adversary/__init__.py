"""Adversaries: search for the perturbation that lowers retrieval most, transfer it to other models, poison the pool.

A goal says what the search minimises, a budget limits what it may change, the candidates are the rewritings that it may
choose from, and a search method decides the order in which they are tried.
"""
