"""The wire APIs that the sandbox PSP speaks.

How to write one, in a folder `dialects/<psp>/`:

1. `dialect.py` has a class that fulfils `contract.Dialect`, small, without state and without I/O; one object of it,
   `DIALECT`, serves all accounts. Add it to `registry.py`. Split the work as sense asks: `reading.py`,
   `answers.py`, `events.py`, `triggers.py` (tables as data). Write it from the PSP's documentation and description,
   never from our connector: the two prove each other.
2. `recognises` tells whether a request bears an account's credentials. It is asked for every account of a shared port,
   so it must be false for another account's. An OAuth token is best signed (`Desk.seal`), so that none is stored.
3. `read` turns a request into
   - an `Act`, something to perform on the books. Convert amounts to ISO 4217 minor units with `units`. `amount=None` is
     "all that is left". Put into `key` the idempotency key with whatever scope it has at the PSP, into `fingerprint`
     what the PSP compares when the key comes again. `verdict` is what a test card or trigger asks for; our magic
     amounts go before it and need no work of yours. An operation that is acknowledged now and decided later has
     `waiting=Waiting.PSP`, one that needs the shopper `Waiting.SHOPPER`. `id` and `ids` are the PSP's ids; all find the
     operation again (`Desk.books.find_id`). Whatever else you need to tell of it later goes into `facts` (JSON values,
     never card data): it is in the journal, so a restart keeps it;
   - an `Ask`, a question: `charges` are ids of charges; `tell` renders them, and gets none at all when the sandbox
     is to know nothing (fault `not_found_then_found`);
   - a `Settle`, a request that decides an operation which waits: a shopper's return, the completion of an order;
   - or a `Reply` at once (token, credential check). Raise `Refused(reply)` for anything malformed; nothing is done
     then.
   Rules about money (too much, twice, wrong state) are the books': don't check them in `read`.
4. `answer` renders an operation. It must follow from its arguments alone: a replay is rendered anew, from the charge
   as it stood then. A refusal of the books is an entry in state DECLINED with a `reason` of `ledger`'s (list in
   docs/sandbox.md) and no network code; a decline of the issuer has a network code or a reason of `magic`.
   `turned_away` renders what never got into the books: key reused, key in flight, unknown charge, reference in use.
5. `notices` gives the webhooks of a happening (an operation performed, or decided later), `sign` the bytes and headers
   of one delivery. The sender does the rest: modes, retries, listing.
6. `needs` says which settings and secrets an account needs, `guide` what users read in docs/sandbox.md and on the
   terminal, `description` which API description answers and webhooks must validate against.

The engine (`sandbox.engine`) does what all have in common: faults, in-flight requests, performing exactly once, replay,
spoiled answers, validation against the description, the order of answer and webhook. The control API's
state is no business of a dialect. Ids that don't come from the request are made with `Desk.new_id`, the time is
`Desk.now()`.
"""
