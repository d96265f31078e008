-- name: all_flows()
SELECT * FROM account_flows ORDER BY id;

-- name: insert_flow(now, symbol, amount, kind, reason, sweep_id, actor)<!
INSERT INTO account_flows (at, symbol, amount, kind, reason, sweep_id, actor)
VALUES (:now, :symbol, :amount, :kind, :reason, :sweep_id, :actor);

-- name: all_accepted_orders()
SELECT market, order_id FROM accepted_orders;

-- name: insert_accepted_order(market, order_id, now, reason, actor)<!
INSERT INTO accepted_orders (market, order_id, at, reason, actor) VALUES (:market, :order_id, :now, :reason, :actor);
