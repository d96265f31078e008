-- name: newest_audit()^
SELECT seq, at FROM audit_log ORDER BY seq DESC LIMIT 1;

-- name: last_trade(market, side, now)^
-- One that is live comes first, whatever the others' times are; ``newest_at`` is the newest time of all.
SELECT execution_id, side, live, max(at) OVER () AS newest_at FROM (
    SELECT h.id, h.execution_id, h.side, max(:now, h.traded_at) AS at, 1 AS live
    FROM trade_executions e JOIN trade_history h ON h.execution_id = e.id
    WHERE e.state IN ('CLAIMED', 'SUBMITTING', 'UNKNOWN', 'SUBMITTED', 'PARTIALLY_FILLED')
        AND h.market = :market AND (:side IS NULL OR h.side = :side) AND h.status <> 'failed'
    UNION ALL
    SELECT * FROM (
        SELECT h.id, h.execution_id, h.side, h.traded_at, 0
        FROM trade_history h JOIN trade_executions e ON e.id = h.execution_id
        WHERE h.market = :market AND (:side IS NULL OR h.side = :side) AND h.status <> 'failed'
            AND e.state NOT IN ('CLAIMED', 'SUBMITTING', 'UNKNOWN', 'SUBMITTED', 'PARTIALLY_FILLED')
        ORDER BY h.traded_at DESC, h.id DESC LIMIT 1))
ORDER BY live DESC, at DESC, id DESC
LIMIT 1;

-- name: counted_times(since, now)
SELECT h.side, h.traded_at AS at FROM trade_history h JOIN trade_executions e ON e.id = h.execution_id
WHERE h.status <> 'failed' AND h.traded_at > :since
    AND e.state NOT IN ('CLAIMED', 'SUBMITTING', 'UNKNOWN', 'SUBMITTED', 'PARTIALLY_FILLED')
UNION ALL
SELECT h.side, max(:now, h.traded_at) FROM trade_executions e JOIN trade_history h ON h.execution_id = e.id
WHERE h.status <> 'failed' AND e.state IN ('CLAIMED', 'SUBMITTING', 'UNKNOWN', 'SUBMITTED', 'PARTIALLY_FILLED')
ORDER BY 2;

-- name: attempt_times(since)
SELECT side, claimed_at AS at FROM trade_executions WHERE claimed_at > :since ORDER BY claimed_at;

-- name: live_executions()
SELECT * FROM trade_executions
WHERE state IN ('CLAIMED', 'SUBMITTING', 'UNKNOWN', 'SUBMITTED', 'PARTIALLY_FILLED') ORDER BY id;

-- name: lately_changed_executions(since)
SELECT * FROM trade_executions
WHERE updated_at >= :since AND state IN ('FILLED', 'CANCELED') ORDER BY id;

-- name: newest_sweep()^
SELECT * FROM exchange_sweeps ORDER BY id DESC LIMIT 1;

-- name: baseline_sweep()^
SELECT * FROM exchange_sweeps WHERE baseline = 1 ORDER BY id DESC LIMIT 1;

-- name: insert_sweep(started_at, finished_at, clean, differences, foreign_markets, balances, baseline, key_fingerprint, exchange_identity, actor, instance)<!
INSERT INTO exchange_sweeps (started_at, finished_at, clean, differences, foreign_markets, balances, baseline,
    key_fingerprint, exchange_identity, actor, instance)
VALUES (:started_at, :finished_at, :clean, :differences, :foreign_markets, :balances, :baseline,
    :key_fingerprint, :exchange_identity, :actor, :instance);

-- name: current_stage()^
SELECT stage FROM stage_changes ORDER BY id DESC LIMIT 1;

-- name: current_trading_state()^
SELECT * FROM trading_state ORDER BY id DESC LIMIT 1;

-- name: insert_trading_state(state, reason, replaces, actor, now)<!
INSERT INTO trading_state (state, reason, replaces, actor, at) VALUES (:state, :reason, :replaces, :actor, :now);

-- name: active_policy()^
SELECT a.id AS activation_id, p.hash, p.name, p.canonical
FROM policy_activations a JOIN policies p ON p.hash = a.hash WHERE a.active = 1;

-- name: policy_by_name(name)^
SELECT hash, name, canonical FROM policies WHERE name = :name ORDER BY created_at DESC, rowid DESC LIMIT 1;

-- name: policy_by_hash(hash)^
SELECT hash, name, canonical FROM policies WHERE hash = :hash;

-- name: insert_policy(hash, name, canonical, now)<!
INSERT INTO policies (hash, name, canonical, created_at) VALUES (:hash, :name, :canonical, :now);

-- name: end_activation(id)!
UPDATE policy_activations SET active = 0 WHERE id = :id AND active = 1;

-- name: insert_activation(hash, replaces, actor, now)<!
INSERT INTO policy_activations (hash, replaces, actor, at, active) VALUES (:hash, :replaces, :actor, :now, 1);

-- name: set_exchange_identity(identity)!
UPDATE vault_info SET exchange_identity = :identity WHERE id = 1;

-- name: insert_alert(now, level, subject, text)<!
INSERT INTO alerts (at, level, subject, text) VALUES (:now, :level, :subject, :text);

-- name: recent_audit(count)
SELECT seq, at, kind, subject, actor, instance, payload FROM audit_log ORDER BY seq DESC LIMIT :count;

-- name: insert_stage_change(stage, reason, actor, now)<!
INSERT INTO stage_changes (stage, reason, actor, at) VALUES (:stage, :reason, :actor, :now);
