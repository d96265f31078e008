-- All tables of the vault. Times are integer microseconds UTC. What the exchange said (prices, quantities, fees)
-- is kept as canonical decimal text, checked by shape, never compared or summed in SQL; *_micros are whole
-- micro-euros for caps, rounded up.

CREATE TABLE vault_info (
    id                INTEGER PRIMARY KEY CHECK (id = 1),
    vault_id          TEXT NOT NULL CHECK (length(vault_id) = 36),
    incarnation       TEXT NOT NULL CHECK (length(incarnation) = 36),
    mode              TEXT NOT NULL CHECK (mode IN ('paper', 'live')),
    exchange_identity TEXT,
    operator_id       INTEGER NOT NULL CHECK (operator_id > 0),
    dead_man_group    INTEGER NOT NULL CHECK (dead_man_group BETWEEN 1 AND 1000),
    created_at        INTEGER NOT NULL
) STRICT;

CREATE TABLE legal_transitions (
    entity TEXT NOT NULL CHECK (entity IN ('proposal', 'execution')),
    before TEXT NOT NULL,
    after  TEXT NOT NULL,
    PRIMARY KEY (entity, before, after)
) STRICT, WITHOUT ROWID;

CREATE TABLE policies (
    hash       TEXT PRIMARY KEY CHECK (length(hash) = 64),
    name       TEXT NOT NULL,
    canonical  TEXT NOT NULL CHECK (json_valid(canonical)),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE policy_activations (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    hash        TEXT NOT NULL REFERENCES policies (hash) ON DELETE RESTRICT,
    replaces    INTEGER REFERENCES policy_activations (id) ON DELETE RESTRICT,
    actor       TEXT NOT NULL,
    at          INTEGER NOT NULL,
    active      INTEGER NOT NULL CHECK (active IN (0, 1))
) STRICT;
CREATE UNIQUE INDEX one_active_policy ON policy_activations (active) WHERE active = 1;

CREATE TABLE trading_state (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    state    TEXT NOT NULL CHECK (state IN ('ACTIVE', 'REDUCING', 'HALTED')),
    reason   TEXT NOT NULL CHECK (length(reason) > 0),
    replaces INTEGER UNIQUE REFERENCES trading_state (id) ON DELETE RESTRICT,
    actor    TEXT NOT NULL,
    at       INTEGER NOT NULL
) STRICT;

CREATE TABLE stage_changes (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    stage  TEXT NOT NULL CHECK (stage IN ('TRAINING', 'VALIDATED', 'PRODUCTION', 'MATURE')),
    reason TEXT NOT NULL,
    actor  TEXT NOT NULL,
    at     INTEGER NOT NULL
) STRICT;

CREATE TABLE market_snapshots (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    market   TEXT NOT NULL,
    outcome  TEXT NOT NULL CHECK (outcome IN ('quiet', 'nothing', 'duplicate', 'dropped', 'proposed')),
    nearest  TEXT NOT NULL,
    numbers  TEXT NOT NULL CHECK (json_valid(numbers)),
    saw      TEXT CHECK (saw IS NULL OR json_valid(saw))
) STRICT;
CREATE INDEX snapshots_by_time ON market_snapshots (at DESC);

CREATE TABLE trade_proposals (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    revision     INTEGER NOT NULL CHECK (revision > 0),
    state        TEXT NOT NULL CHECK (state IN
                 ('PROPOSED', 'APPROVED', 'CLAIMED', 'EXECUTED', 'FAILED', 'DECLINED', 'EXPIRED')),
    origin       TEXT NOT NULL CHECK (origin IN ('rules', 'operator')),
    oracle       TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('entry', 'exit')),
    market       TEXT NOT NULL,
    side         TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    order_type   TEXT NOT NULL CHECK (order_type IN ('limit', 'market')),
    quantity     TEXT NOT NULL CHECK (quantity GLOB '[0-9]*' AND quantity NOT GLOB '*[^0-9.]*'
                 AND quantity NOT GLOB '*.*.*' AND quantity NOT GLOB '*.' AND CAST(quantity AS REAL) > 0),
    limit_price  TEXT CHECK (limit_price IS NULL OR (limit_price GLOB '[0-9]*' AND limit_price NOT GLOB '*[^0-9.]*'
                 AND limit_price NOT GLOB '*.*.*' AND limit_price NOT GLOB '*.' AND CAST(limit_price AS REAL) > 0)),
    eur          TEXT NOT NULL CHECK (eur GLOB '[0-9]*' AND eur NOT GLOB '*[^0-9.]*'
                 AND eur NOT GLOB '*.*.*' AND eur NOT GLOB '*.' AND CAST(eur AS REAL) > 0),
    confidence   INTEGER CHECK (confidence IN (0, 25, 50, 75, 100)),
    rationale    TEXT NOT NULL CHECK (json_valid(rationale)),
    snapshot_id  INTEGER REFERENCES market_snapshots (id) ON DELETE RESTRICT,
    overrides    TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(overrides)),
    quote_price  TEXT CHECK (quote_price IS NULL OR (quote_price GLOB '[0-9]*' AND quote_price NOT GLOB '*[^0-9.]*'
                 AND quote_price NOT GLOB '*.*.*' AND quote_price NOT GLOB '*.' AND CAST(quote_price AS REAL) > 0)),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL CHECK (expires_at > created_at),
    updated_at   INTEGER NOT NULL,
    decided_by   TEXT,
    decided_note TEXT,
    CHECK ((order_type = 'limit') = (limit_price IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX one_open_idea ON trade_proposals (market, side, oracle)
    WHERE state IN ('PROPOSED', 'APPROVED') AND origin <> 'operator';
CREATE INDEX open_proposals ON trade_proposals (expires_at) WHERE state IN ('PROPOSED', 'APPROVED');

CREATE TABLE gate_decisions (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    proposal_id INTEGER NOT NULL REFERENCES trade_proposals (id) ON DELETE RESTRICT,
    revision    INTEGER NOT NULL,
    passed      INTEGER NOT NULL CHECK (passed IN (0, 1)),
    failed      TEXT NOT NULL,
    checks      TEXT NOT NULL CHECK (json_valid(checks)),
    policy_hash TEXT NOT NULL,
    actor       TEXT NOT NULL,
    instance    TEXT NOT NULL,
    at          INTEGER NOT NULL
) STRICT;
CREATE INDEX decisions_by_proposal ON gate_decisions (proposal_id);
CREATE INDEX decisions_by_time ON gate_decisions (at DESC);

CREATE TABLE trade_executions (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    proposal_id       INTEGER NOT NULL UNIQUE REFERENCES trade_proposals (id) ON DELETE RESTRICT,
    revision          INTEGER NOT NULL,
    decision_id       INTEGER NOT NULL REFERENCES gate_decisions (id) ON DELETE RESTRICT,
    client_order_id   TEXT NOT NULL UNIQUE CHECK (length(client_order_id) = 36),
    state             TEXT NOT NULL CHECK (state IN ('CLAIMED', 'SUBMITTING', 'UNKNOWN', 'SUBMITTED',
                      'PARTIALLY_FILLED', 'FILLED', 'CANCELED', 'REJECTED', 'ABSENT', 'ABANDONED', 'RESOLVED')),
    kind              TEXT NOT NULL CHECK (kind IN ('entry', 'exit')),
    market            TEXT NOT NULL,
    side              TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    order_type        TEXT NOT NULL CHECK (order_type IN ('limit', 'market')),
    time_in_force     TEXT CHECK (time_in_force IN ('GTC', 'IOC')),
    quantity          TEXT NOT NULL CHECK (quantity GLOB '[0-9]*' AND quantity NOT GLOB '*[^0-9.]*'
                      AND quantity NOT GLOB '*.*.*' AND quantity NOT GLOB '*.' AND CAST(quantity AS REAL) > 0),
    limit_price       TEXT CHECK (limit_price IS NULL OR (limit_price GLOB '[0-9]*' AND limit_price NOT GLOB '*[^0-9.]*'
                      AND limit_price NOT GLOB '*.*.*' AND limit_price NOT GLOB '*.'
                      AND CAST(limit_price AS REAL) > 0)),
    eur               TEXT NOT NULL CHECK (eur GLOB '[0-9]*' AND eur NOT GLOB '*[^0-9.]*'
                      AND eur NOT GLOB '*.*.*' AND eur NOT GLOB '*.' AND CAST(eur AS REAL) > 0),
    digest            TEXT NOT NULL CHECK (length(digest) = 64),
    request_body      TEXT NOT NULL CHECK (json_valid(request_body)),
    policy_hash       TEXT NOT NULL REFERENCES policies (hash) ON DELETE RESTRICT,
    actor             TEXT NOT NULL,
    instance          TEXT NOT NULL,
    claimed_at        INTEGER NOT NULL,
    submitting_at     INTEGER,
    signed_at_ms      INTEGER,
    window_ms         INTEGER,
    key_fingerprint   TEXT,
    exchange_identity TEXT,
    order_id          TEXT,
    venue_status      TEXT,
    -- How much the exchange says is filled, and whether the stored fills do not add up to it yet.
    venue_filled      TEXT NOT NULL DEFAULT '0' CHECK (venue_filled GLOB '[0-9]*' AND venue_filled NOT GLOB '*[^0-9.]*'
                      AND venue_filled NOT GLOB '*.*.*' AND venue_filled NOT GLOB '*.'),
    fills_short       INTEGER NOT NULL DEFAULT 0 CHECK (fills_short IN (0, 1)),
    seen_at           INTEGER,
    unknown_at        INTEGER,
    ended_at          INTEGER,
    cancel_asked_at   INTEGER,
    updated_at        INTEGER NOT NULL,
    -- An order that turns up for a claim that was never sent is stored all the same; the invariants name it.
    CHECK (state NOT IN ('SUBMITTING', 'UNKNOWN', 'REJECTED', 'ABSENT', 'RESOLVED') OR submitting_at IS NOT NULL),
    CHECK (submitting_at IS NULL OR (signed_at_ms IS NOT NULL AND window_ms IS NOT NULL
           AND key_fingerprint IS NOT NULL AND exchange_identity IS NOT NULL)),
    CHECK (state NOT IN ('SUBMITTED', 'PARTIALLY_FILLED', 'FILLED') OR order_id IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX one_execution_per_order ON trade_executions (market, order_id) WHERE order_id IS NOT NULL;
CREATE INDEX executions_by_state ON trade_executions (state)
    WHERE state IN ('CLAIMED', 'SUBMITTING', 'UNKNOWN', 'SUBMITTED', 'PARTIALLY_FILLED');
CREATE INDEX executions_by_update ON trade_executions (updated_at);
CREATE INDEX executions_short_of_fills ON trade_executions (id) WHERE fills_short = 1;
CREATE INDEX executions_by_claim ON trade_executions (claimed_at);

CREATE TABLE execution_events (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    execution_id INTEGER NOT NULL REFERENCES trade_executions (id) ON DELETE RESTRICT,
    before       TEXT NOT NULL,
    after        TEXT NOT NULL,
    source       TEXT NOT NULL,
    evidence     TEXT NOT NULL CHECK (json_valid(evidence)),
    actor        TEXT NOT NULL,
    instance     TEXT NOT NULL,
    at           INTEGER NOT NULL
) STRICT;
CREATE INDEX events_by_execution ON execution_events (execution_id);

CREATE TABLE trade_history (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    execution_id INTEGER NOT NULL UNIQUE REFERENCES trade_executions (id) ON DELETE RESTRICT,
    proposal_id  INTEGER NOT NULL REFERENCES trade_proposals (id) ON DELETE RESTRICT,
    market       TEXT NOT NULL,
    side         TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    status       TEXT NOT NULL CHECK (status IN ('pending', 'confirmed', 'failed')),
    traded_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX history_by_time ON trade_history (traded_at DESC, id DESC);
CREATE INDEX history_by_market ON trade_history (market, side, traded_at DESC) WHERE status <> 'failed';
CREATE INDEX counted_history ON trade_history (side, traded_at) WHERE status <> 'failed';

CREATE TABLE fills (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    execution_id INTEGER NOT NULL REFERENCES trade_executions (id) ON DELETE RESTRICT,
    market       TEXT NOT NULL,
    side         TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    fill_id      TEXT NOT NULL,
    at           INTEGER NOT NULL,
    quantity     TEXT NOT NULL CHECK (quantity GLOB '[0-9]*' AND quantity NOT GLOB '*[^0-9.]*'
                 AND quantity NOT GLOB '*.*.*' AND quantity NOT GLOB '*.' AND CAST(quantity AS REAL) > 0),
    price        TEXT NOT NULL CHECK (price GLOB '[0-9]*' AND price NOT GLOB '*[^0-9.]*'
                 AND price NOT GLOB '*.*.*' AND price NOT GLOB '*.' AND CAST(price AS REAL) > 0),
    -- A fee may be negative: a rebate.
    fee          TEXT CHECK (fee IS NULL OR ((fee GLOB '[0-9]*' OR fee GLOB '-[0-9]*')
                 AND substr(fee, 2) NOT GLOB '*[^0-9.]*' AND fee NOT GLOB '*.*.*' AND fee NOT GLOB '*.')),
    fee_currency TEXT,
    taker        INTEGER NOT NULL CHECK (taker IN (0, 1)),
    settled      INTEGER CHECK (settled IN (0, 1)),
    stored_at    INTEGER NOT NULL,
    UNIQUE (market, fill_id)
) STRICT;
CREATE INDEX fills_by_execution ON fills (execution_id);

CREATE TABLE scan_jobs (
    job         TEXT PRIMARY KEY,
    next_run_at INTEGER NOT NULL,
    interval_us INTEGER NOT NULL CHECK (interval_us > 0),
    holder      TEXT,
    fence       INTEGER NOT NULL DEFAULT 0 CHECK (fence >= 0),
    acquired_at INTEGER,
    expires_at  INTEGER,
    due_at      INTEGER,
    last_run_at INTEGER,
    last_error  TEXT,
    failures    INTEGER NOT NULL DEFAULT 0,
    paused      INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
    CHECK ((holder IS NULL) = (expires_at IS NULL))
) STRICT;

CREATE TABLE job_runs (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    job         TEXT NOT NULL,
    due_at      INTEGER NOT NULL,
    fence       INTEGER NOT NULL,
    holder      TEXT NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER NOT NULL,
    completed   INTEGER NOT NULL CHECK (completed IN (0, 1)),
    summary     TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_completed_run ON job_runs (job, due_at) WHERE completed = 1;

CREATE TABLE gpt_usage_log (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    oracle      TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('reserved', 'settled', 'abandoned')),
    markets     INTEGER NOT NULL CHECK (markets >= 0),
    reserved_micros INTEGER NOT NULL CHECK (reserved_micros >= 0),
    cost_micros INTEGER CHECK (cost_micros >= 0),
    summary     TEXT NOT NULL DEFAULT '',
    settled_at  INTEGER
) STRICT;
CREATE INDEX usage_by_time ON gpt_usage_log (at);

CREATE TABLE exchange_sweeps (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    started_at        INTEGER NOT NULL,
    finished_at       INTEGER NOT NULL,
    clean             INTEGER NOT NULL CHECK (clean IN (0, 1)),
    differences       TEXT NOT NULL CHECK (json_valid(differences)),
    foreign_markets   TEXT NOT NULL CHECK (json_valid(foreign_markets)),
    balances          TEXT NOT NULL CHECK (json_valid(balances)),
    baseline          INTEGER NOT NULL CHECK (baseline IN (0, 1)),
    key_fingerprint   TEXT NOT NULL,
    exchange_identity TEXT NOT NULL,
    actor             TEXT NOT NULL,
    instance          TEXT NOT NULL
) STRICT;

CREATE TABLE audit_log (
    seq      INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    subject  TEXT NOT NULL,
    actor    TEXT NOT NULL,
    instance TEXT NOT NULL,
    pid      INTEGER NOT NULL,
    payload  TEXT NOT NULL CHECK (json_valid(payload)),
    mac      TEXT NOT NULL CHECK (length(mac) = 64)
) STRICT;

CREATE TABLE invariant_runs (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    violations TEXT NOT NULL CHECK (json_valid(violations)),
    actor      TEXT NOT NULL
) STRICT;

CREATE TABLE alerts (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    level   TEXT NOT NULL CHECK (level IN ('notice', 'critical')),
    subject TEXT NOT NULL,
    text    TEXT NOT NULL
) STRICT;
