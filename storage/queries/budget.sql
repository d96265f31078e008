-- name: costly_usage(since)
SELECT id, at, state, reserved_micros, cost_micros, overrun_micros FROM gpt_usage_log
WHERE reserved_micros > 0 AND at > :since ORDER BY at, id;

-- name: reserve_usage(now, oracle, markets, reserved_micros, tokens_allowed, instance)<!
INSERT INTO gpt_usage_log (at, oracle, state, markets, reserved_micros, tokens_allowed, instance)
VALUES (:now, :oracle, 'reserved', :markets, :reserved_micros, :tokens_allowed, :instance);

-- name: settle_usage(id, now, cost_micros, overrun_micros, tokens_used, summary)!
UPDATE gpt_usage_log SET state = 'settled', cost_micros = :cost_micros, overrun_micros = :overrun_micros,
    tokens_used = :tokens_used, summary = :summary, settled_at = :now
WHERE id = :id AND state = 'reserved';

-- name: abandon_usage(id, now, summary)!
UPDATE gpt_usage_log SET state = 'abandoned', summary = :summary, settled_at = :now
WHERE id = :id AND state = 'reserved';

-- name: stale_reservations(older, ahead)
SELECT id FROM gpt_usage_log WHERE state = 'reserved' AND (at <= :older OR at > :ahead) ORDER BY id;

-- name: usage_by_id(id)^
SELECT * FROM gpt_usage_log WHERE id = :id;

-- name: newest_pause()^
SELECT * FROM oracle_pauses ORDER BY id DESC LIMIT 1;

-- name: insert_pause(now, paused, oracle, reason, replaces, actor)<!
INSERT INTO oracle_pauses (at, paused, oracle, reason, replaces, actor)
VALUES (:now, :paused, :oracle, :reason, :replaces, :actor);
