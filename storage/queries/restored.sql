-- name: all_earlier_incarnations()
SELECT * FROM earlier_incarnations ORDER BY ended_at, incarnation;

-- name: insert_earlier_incarnation(incarnation, orders_from, markets, now)<!
INSERT INTO earlier_incarnations (incarnation, orders_from, markets, ended_at)
VALUES (:incarnation, :orders_from, :markets, :now);

-- name: finish_imports(now, before)!
UPDATE earlier_incarnations SET imported_at = :now WHERE imported_at IS NULL AND ended_at < :before;

-- name: set_incarnation(incarnation, operator_id)!
UPDATE vault_info SET incarnation = :incarnation, operator_id = :operator_id WHERE id = 1;

-- name: all_open_proposals()
SELECT id, state FROM trade_proposals WHERE state IN ('PROPOSED', 'APPROVED') ORDER BY id;

-- name: clear_leases()!
UPDATE scan_jobs SET holder = NULL, acquired_at = NULL, expires_at = NULL, fence = fence + 1;

-- name: highest_ids()
SELECT name, seq FROM sqlite_sequence WHERE name IN ('trade_proposals', 'trade_executions');

-- name: import_proposal(id, kind, market, side, order_type, quantity, limit_price, eur, rationale, created_at, trigger_type, trigger_price)<!
INSERT INTO trade_proposals (id, revision, state, origin, oracle, kind, market, side, order_type, quantity, limit_price,
    eur, rationale, created_at, expires_at, updated_at, trigger_type, trigger_price)
VALUES (:id, 1, 'PROPOSED', 'operator', 'imported', :kind, :market, :side, :order_type, :quantity, :limit_price,
    :eur, :rationale, :created_at, :created_at + 1, :created_at, :trigger_type, :trigger_price);

-- name: import_execution(proposal_id, revision, decision_id, client_order_id, kind, market, side, order_type, time_in_force, quantity, limit_price, eur, digest, request_body, policy_hash, actor, instance, created_at, trigger_type, trigger_price)<!
INSERT INTO trade_executions (proposal_id, revision, decision_id, client_order_id, state, kind, market, side, order_type,
    time_in_force, quantity, limit_price, eur, digest, request_body, policy_hash, actor, instance, claimed_at, updated_at,
    trigger_type, trigger_price, imported)
VALUES (:proposal_id, :revision, :decision_id, :client_order_id, 'CLAIMED', :kind, :market, :side, :order_type,
    :time_in_force, :quantity, :limit_price, :eur, :digest, :request_body, :policy_hash, :actor, :instance, :created_at,
    :created_at, :trigger_type, :trigger_price, 1);

-- name: mark_imported(id)!
UPDATE trade_executions SET imported = 1 WHERE id = :id;

-- name: note_proposal(id, note)!
UPDATE trade_proposals SET decided_note = :note WHERE id = :id;

-- name: all_policies()
SELECT canonical FROM policies;

-- name: imported_executions()
SELECT id FROM trade_executions WHERE imported = 1;
