-- name: insert_trade(execution_id, proposal_id, market, side, now)<!
INSERT INTO trade_history (execution_id, proposal_id, market, side, status, traded_at)
VALUES (:execution_id, :proposal_id, :market, :side, 'pending', :now);

-- name: trade_of_execution(execution_id)^
SELECT * FROM trade_history WHERE execution_id = :execution_id;

-- name: update_trade(execution_id, before, status, traded_at)!
UPDATE trade_history SET status = :status, traded_at = :traded_at
WHERE execution_id = :execution_id AND status = :before;

-- name: history_page(before_at, before_id, count)
SELECT h.*, e.state AS execution_state, e.kind, e.order_type, e.quantity AS ordered, e.limit_price,
    e.eur AS ordered_eur, e.trigger_type, e.trigger_price
FROM trade_history h JOIN trade_executions e ON e.id = h.execution_id
WHERE (h.traded_at, h.id) < (:before_at, :before_id)
ORDER BY h.traded_at DESC, h.id DESC LIMIT :count;

-- name: fills_of_executions(ids)
SELECT * FROM fills WHERE execution_id IN (SELECT value FROM json_each(:ids)) ORDER BY at, id;
