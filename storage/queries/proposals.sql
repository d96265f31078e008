-- name: proposal_by_id(id)^
SELECT * FROM trade_proposals WHERE id = :id;

-- name: open_proposals(now)
SELECT * FROM trade_proposals WHERE state IN ('PROPOSED', 'APPROVED') AND expires_at > :now ORDER BY expires_at, id;

-- name: recent_proposals(before, count)
SELECT * FROM trade_proposals WHERE id < :before ORDER BY id DESC LIMIT :count;

-- name: ended_ideas(now, before_at, before_id, count)
SELECT * FROM (
    SELECT id, market, side, eur, CASE state WHEN 'DECLINED' THEN 'declined' ELSE 'expired' END AS "end",
        CASE WHEN state IN ('EXPIRED', 'DECLINED') THEN updated_at ELSE expires_at END AS at
    FROM trade_proposals
    WHERE state IN ('EXPIRED', 'DECLINED') OR (state IN ('PROPOSED', 'APPROVED') AND expires_at <= :now)
) WHERE (at, id) < (:before_at, :before_id) ORDER BY at DESC, id DESC LIMIT :count;

-- name: insert_proposal(origin, oracle, kind, market, side, order_type, quantity, limit_price, eur, confidence, rationale, snapshot_id, quote_price, parent_id, now, expires_at, decided_by, trigger_type, trigger_price)<!
INSERT INTO trade_proposals (revision, state, origin, oracle, kind, market, side, order_type, quantity, limit_price, eur,
    confidence, rationale, snapshot_id, quote_price, parent_id, created_at, expires_at, updated_at, decided_by,
    trigger_type, trigger_price)
VALUES (1, 'PROPOSED', :origin, :oracle, :kind, :market, :side, :order_type, :quantity, :limit_price, :eur,
    :confidence, :rationale, :snapshot_id, :quote_price, :parent_id, :now, :expires_at, :now, :decided_by, :trigger_type,
    :trigger_price);

-- name: move_proposal(id, before, after, now, decided_by, note)!
UPDATE trade_proposals SET state = :after, updated_at = :now, decided_by = coalesce(:decided_by, decided_by),
    decided_note = coalesce(:note, decided_note)
WHERE id = :id AND state = :before;

-- name: note_decline(id, note)!
UPDATE trade_proposals SET decided_note = :note WHERE id = :id AND state = 'DECLINED';

-- name: set_overrides(id, overrides, now)!
UPDATE trade_proposals SET overrides = :overrides, updated_at = :now
WHERE id = :id AND state IN ('PROPOSED', 'APPROVED');

-- name: revise_proposal(id, revision, order_type, quantity, limit_price, eur, now, expires_at)!
UPDATE trade_proposals SET revision = revision + 1, order_type = :order_type, quantity = :quantity,
    limit_price = :limit_price, eur = :eur, expires_at = :expires_at, updated_at = :now
WHERE id = :id AND revision = :revision AND state IN ('PROPOSED', 'APPROVED');

-- name: due_proposals(now)
SELECT * FROM trade_proposals WHERE state IN ('PROPOSED', 'APPROVED') AND expires_at <= :now ORDER BY id;

-- name: open_ideas(market)
SELECT oracle, side FROM trade_proposals
WHERE market = :market AND state IN ('PROPOSED', 'APPROVED') AND origin <> 'operator';

-- name: transition_is_legal(entity, before, after)^
SELECT 1 FROM legal_transitions WHERE entity = :entity AND before = :before AND after = :after;

-- name: declined_ideas(market, now)
SELECT oracle, side FROM trade_proposals
WHERE market = :market AND state = 'DECLINED' AND expires_at > :now AND origin <> 'operator';
