-- name: all_flows()
SELECT * FROM account_flows ORDER BY id;

-- name: insert_flow(now, symbol, amount, kind, reason, sweep_id, actor)<!
INSERT INTO account_flows (at, symbol, amount, kind, reason, sweep_id, actor)
VALUES (:now, :symbol, :amount, :kind, :reason, :sweep_id, :actor);

-- name: all_accepted_orders()
SELECT market, order_id FROM accepted_orders;

-- name: insert_accepted_order(market, order_id, now, reason, actor)<!
INSERT INTO accepted_orders (market, order_id, at, reason, actor) VALUES (:market, :order_id, :now, :reason, :actor);

-- name: imported_flows()
SELECT transaction_id, symbol FROM account_flows WHERE transaction_id IS NOT NULL;

-- name: import_flow(at, symbol, amount, kind, reason, transaction_id, actor)<!
INSERT INTO account_flows (at, symbol, amount, kind, reason, transaction_id, actor)
VALUES (:at, :symbol, :amount, :kind, :reason, :transaction_id, :actor);

-- name: flows_count_from()^
SELECT (SELECT max(started_at) FROM exchange_sweeps WHERE baseline = 1) AS baseline_at,
       (SELECT max(at) FROM account_flows WHERE kind = 'adopted') AS adopted_at,
       (SELECT max(finished_at) FROM exchange_sweeps WHERE clean = 1) AS clean_at;
