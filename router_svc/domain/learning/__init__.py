"""What the outcomes of attempts teach of a merchant's accounts.

`state` folds observations into counts by account and segment, `memory` keeps the counts of one segment, `estimates`
makes chances of approval of them. All of it is integer arithmetic and asks neither clock nor random numbers.
"""
