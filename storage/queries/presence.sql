-- name: note_presence(actor, now)!
INSERT INTO operator_presence (actor, seen_at) VALUES (:actor, :now)
ON CONFLICT (actor) DO UPDATE SET seen_at = max(seen_at, excluded.seen_at);

-- name: presence_of(actor)^
SELECT seen_at FROM operator_presence WHERE actor = :actor;

-- name: fills_since(since)
SELECT * FROM fills WHERE at > :since ORDER BY at, id;

-- name: executions_changed_since(since)
SELECT * FROM trade_executions WHERE updated_at > :since ORDER BY updated_at DESC, id DESC;

-- name: expired_since(since)^
SELECT count(*) AS number FROM trade_proposals WHERE state = 'EXPIRED' AND updated_at > :since;

-- name: refused_since(since)^
SELECT count(*) AS number FROM gate_decisions WHERE passed = 0 AND at > :since;

-- name: model_cost_since(since)
SELECT coalesce(sum(iif(state = 'settled', cost_micros + coalesce(overrun_micros, 0), reserved_micros)), 0) AS micros,
       coalesce(sum(state <> 'settled'), 0) AS open
FROM gpt_usage_log WHERE at > :since;

-- name: alerts_since(since)
SELECT at, level, subject, text FROM alerts WHERE at > :since ORDER BY id DESC;

-- name: trading_since(since)
SELECT state, reason FROM trading_state WHERE at > :since ORDER BY id;

-- name: policies_since(since)
SELECT p.name FROM policy_activations a JOIN policies p ON p.hash = a.hash WHERE a.at > :since ORDER BY a.id;

-- name: stages_since(since)
SELECT stage FROM stage_changes WHERE at > :since ORDER BY id;

-- name: newest_alert(subject)^
SELECT level, text FROM alerts WHERE subject = :subject ORDER BY id DESC LIMIT 1;

-- name: runners_since(since)
SELECT holder, min(started_at) AS first, max(finished_at) AS last FROM job_runs WHERE finished_at > :since
GROUP BY holder ORDER BY last DESC, holder;
