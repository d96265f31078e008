-- Calls that cost something: what a reservation allows, what it came to, and when the oracle had to stop.
-- Of a settled call cost_micros is at most what was reserved, so that reservations and costs together never pass a
-- cap at any commit; what a call cost beyond its reservation stands in overrun_micros, and counts as well.

ALTER TABLE gpt_usage_log ADD COLUMN tokens_allowed INTEGER CHECK (tokens_allowed IS NULL OR tokens_allowed > 0);
ALTER TABLE gpt_usage_log ADD COLUMN tokens_used INTEGER CHECK (tokens_used IS NULL OR tokens_used >= 0);
ALTER TABLE gpt_usage_log ADD COLUMN overrun_micros INTEGER NOT NULL DEFAULT 0 CHECK (overrun_micros >= 0);
ALTER TABLE gpt_usage_log ADD COLUMN instance TEXT;

CREATE INDEX costly_usage ON gpt_usage_log (at) WHERE reserved_micros > 0;
CREATE INDEX open_reservations ON gpt_usage_log (at) WHERE state = 'reserved';

DROP TRIGGER usage_settles_once;

CREATE TRIGGER usage_settles_once BEFORE UPDATE ON gpt_usage_log
WHEN OLD.state <> 'reserved' OR NEW.state = 'reserved' OR NEW.id <> OLD.id OR NEW.at <> OLD.at
    OR NEW.oracle <> OLD.oracle OR NEW.reserved_micros <> OLD.reserved_micros OR NEW.markets <> OLD.markets
    OR NEW.tokens_allowed IS NOT OLD.tokens_allowed OR NEW.instance IS NOT OLD.instance
BEGIN SELECT RAISE(ABORT, 'a reservation is settled once'); END;

CREATE TRIGGER usage_cost_within_reservation BEFORE UPDATE ON gpt_usage_log
WHEN NEW.cost_micros > OLD.reserved_micros
BEGIN SELECT RAISE(ABORT, 'a cost beyond its reservation is an overrun'); END;

CREATE TRIGGER usage_cost_within_reservation_at_once BEFORE INSERT ON gpt_usage_log
WHEN NEW.cost_micros > NEW.reserved_micros
BEGIN SELECT RAISE(ABORT, 'a cost beyond its reservation is an overrun'); END;

-- The newest row says whether costly oracles rest; each names the one it replaces.
CREATE TABLE oracle_pauses (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    paused   INTEGER NOT NULL CHECK (paused IN (0, 1)),
    oracle   TEXT NOT NULL,
    reason   TEXT NOT NULL CHECK (length(reason) > 0),
    replaces INTEGER UNIQUE REFERENCES oracle_pauses (id) ON DELETE RESTRICT,
    actor    TEXT NOT NULL
) STRICT;

CREATE TRIGGER oracle_pauses_no_update BEFORE UPDATE ON oracle_pauses
BEGIN SELECT RAISE(ABORT, 'oracle_pauses is append-only'); END;

CREATE TRIGGER oracle_pauses_no_delete BEFORE DELETE ON oracle_pauses
BEGIN SELECT RAISE(ABORT, 'oracle_pauses is append-only'); END;

CREATE TRIGGER oracle_pauses_no_replace BEFORE INSERT ON oracle_pauses
WHEN EXISTS (SELECT 1 FROM oracle_pauses WHERE id = NEW.id OR replaces = NEW.replaces)
BEGIN SELECT RAISE(ABORT, 'oracle_pauses is append-only'); END;

-- What moved the account's balances and was no order of this vault: expected = baseline + fills + flows.
CREATE TABLE account_flows (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    symbol   TEXT NOT NULL CHECK (length(symbol) > 0),
    -- Signed: what came is positive.
    amount   TEXT NOT NULL CHECK ((amount GLOB '[0-9]*' OR amount GLOB '-[0-9]*')
             AND substr(amount, 2) NOT GLOB '*[^0-9.]*' AND amount NOT GLOB '*.*.*' AND amount NOT GLOB '*.'
             AND CAST(amount AS REAL) <> 0),
    kind     TEXT NOT NULL CHECK (kind IN ('adopted', 'deposit', 'withdrawal', 'reward', 'trade')),
    reason   TEXT NOT NULL CHECK (length(reason) > 0),
    sweep_id INTEGER REFERENCES exchange_sweeps (id) ON DELETE RESTRICT,
    actor    TEXT NOT NULL
) STRICT;

CREATE TRIGGER account_flows_no_update BEFORE UPDATE ON account_flows
BEGIN SELECT RAISE(ABORT, 'account_flows is append-only'); END;

CREATE TRIGGER account_flows_no_delete BEFORE DELETE ON account_flows
BEGIN SELECT RAISE(ABORT, 'account_flows is append-only'); END;

CREATE TRIGGER account_flows_no_replace BEFORE INSERT ON account_flows
WHEN EXISTS (SELECT 1 FROM account_flows WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'account_flows is append-only'); END;

-- Open orders of somebody else that the operator has accepted; they stay foreign, and are no difference any more.
CREATE TABLE accepted_orders (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    market   TEXT NOT NULL,
    order_id TEXT NOT NULL CHECK (length(order_id) > 0),
    at       INTEGER NOT NULL,
    reason   TEXT NOT NULL CHECK (length(reason) > 0),
    actor    TEXT NOT NULL,
    UNIQUE (market, order_id)
) STRICT;

CREATE TRIGGER accepted_orders_no_update BEFORE UPDATE ON accepted_orders
BEGIN SELECT RAISE(ABORT, 'accepted_orders is append-only'); END;

CREATE TRIGGER accepted_orders_no_delete BEFORE DELETE ON accepted_orders
BEGIN SELECT RAISE(ABORT, 'accepted_orders is append-only'); END;

CREATE TRIGGER accepted_orders_no_replace BEFORE INSERT ON accepted_orders
WHEN EXISTS (SELECT 1 FROM accepted_orders WHERE id = NEW.id OR (market = NEW.market AND order_id = NEW.order_id))
BEGIN SELECT RAISE(ABORT, 'accepted_orders is append-only'); END;
