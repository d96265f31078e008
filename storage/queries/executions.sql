-- name: execution_by_id(id)^
SELECT * FROM trade_executions WHERE id = :id;

-- name: execution_by_proposal(proposal_id)^
SELECT * FROM trade_executions WHERE proposal_id = :proposal_id;

-- name: executions_in_states(states)
SELECT * FROM trade_executions WHERE state IN (SELECT value FROM json_each(:states)) ORDER BY id;

-- name: recent_executions(before, count)
SELECT * FROM trade_executions WHERE id < :before ORDER BY id DESC LIMIT :count;

-- name: insert_execution(proposal_id, revision, decision_id, client_order_id, kind, market, side, order_type, time_in_force, quantity, limit_price, eur, digest, request_body, policy_hash, actor, instance, now, trigger_type, trigger_price)<!
INSERT INTO trade_executions (proposal_id, revision, decision_id, client_order_id, state, kind, market, side, order_type,
    time_in_force, quantity, limit_price, eur, digest, request_body, policy_hash, actor, instance, claimed_at, updated_at,
    trigger_type, trigger_price)
VALUES (:proposal_id, :revision, :decision_id, :client_order_id, 'CLAIMED', :kind, :market, :side, :order_type,
    :time_in_force, :quantity, :limit_price, :eur, :digest, :request_body, :policy_hash, :actor, :instance, :now, :now,
    :trigger_type, :trigger_price);

-- name: begin_submit(id, now, signed_at_ms, window_ms, key_fingerprint, exchange_identity)!
UPDATE trade_executions SET state = 'SUBMITTING', submitting_at = :now, signed_at_ms = :signed_at_ms,
    window_ms = :window_ms, key_fingerprint = :key_fingerprint, exchange_identity = :exchange_identity, updated_at = :now
WHERE id = :id AND state = 'CLAIMED';

-- name: move_execution(id, before, after, now, order_id, venue_status, unknown_at, ended_at, seen_at)!
UPDATE trade_executions SET state = :after, updated_at = :now, order_id = coalesce(order_id, :order_id),
    venue_status = coalesce(:venue_status, venue_status), unknown_at = coalesce(unknown_at, :unknown_at),
    ended_at = :ended_at, seen_at = coalesce(:seen_at, seen_at)
WHERE id = :id AND state = :before;

-- name: note_order_seen(id, now, order_id, venue_status)!
UPDATE trade_executions SET seen_at = :now, order_id = coalesce(order_id, :order_id),
    -- Of an ended order the word it ended with stays.
    venue_status = CASE WHEN state IN ('FILLED', 'CANCELED') THEN venue_status ELSE :venue_status END
WHERE id = :id;

-- name: ask_cancel(id, now)!
UPDATE trade_executions SET cancel_asked_at = :now WHERE id = :id;

-- name: insert_execution_event(execution_id, before, after, source, evidence, actor, instance, now)<!
INSERT INTO execution_events (execution_id, before, after, source, evidence, actor, instance, at)
VALUES (:execution_id, :before, :after, :source, :evidence, :actor, :instance, :now);

-- name: events_of_execution(execution_id)
SELECT * FROM execution_events WHERE execution_id = :execution_id ORDER BY id;

-- name: insert_fill(execution_id, market, side, fill_id, at, quantity, price, fee, fee_currency, taker, settled, now)<!
INSERT INTO fills (execution_id, market, side, fill_id, at, quantity, price, fee, fee_currency, taker, settled, stored_at)
VALUES (:execution_id, :market, :side, :fill_id, :at, :quantity, :price, :fee, :fee_currency, :taker, :settled, :now);

-- name: settle_fill(id, fee, fee_currency, settled)!
UPDATE fills SET fee = coalesce(fee, :fee), fee_currency = coalesce(fee_currency, :fee_currency), settled = :settled
WHERE id = :id AND settled IS NULL;

-- name: fill_by_venue_id(market, fill_id)^
SELECT * FROM fills WHERE market = :market AND fill_id = :fill_id;

-- name: fills_of_execution(execution_id)
SELECT * FROM fills WHERE execution_id = :execution_id ORDER BY at, id;

-- name: all_fills()
SELECT * FROM fills ORDER BY at, id;

-- name: unsettled_executions()
SELECT DISTINCT execution_id FROM fills WHERE fee IS NULL ORDER BY execution_id;

-- name: insert_decision(proposal_id, revision, passed, failed, checks, policy_hash, actor, instance, now)<!
INSERT INTO gate_decisions (proposal_id, revision, passed, failed, checks, policy_hash, actor, instance, at)
VALUES (:proposal_id, :revision, :passed, :failed, :checks, :policy_hash, :actor, :instance, :now);

-- name: refusals_before(since, before_at, before_id, count)
SELECT d.*, p.market, p.side, p.eur, e.id IS NOT NULL AS claimed_before
FROM gate_decisions d JOIN trade_proposals p ON p.id = d.proposal_id
LEFT JOIN trade_executions e ON e.proposal_id = d.proposal_id AND e.decision_id < d.id
WHERE d.passed = 0 AND d.at >= :since AND (d.at, d.id) < (:before_at, :before_id)
ORDER BY d.at DESC, d.id DESC LIMIT :count;

-- name: claims_of(ids)
SELECT proposal_id, claimed_at FROM trade_executions WHERE proposal_id IN (SELECT value FROM json_each(:ids));

-- name: executions_short_of_fills()
SELECT * FROM trade_executions WHERE fills_short = 1 ORDER BY id;

-- name: note_filled(id, venue_filled, short)!
UPDATE trade_executions SET venue_filled = :venue_filled, fills_short = :short
WHERE id = :id AND (venue_filled <> :venue_filled OR fills_short <> :short);

-- name: orders_of_market_since(market, since)
SELECT order_id FROM trade_executions WHERE market = :market AND order_id IS NOT NULL AND submitting_at > :since;
