-- An idea made anew names the one it came from; when an operator's last key was; and what an edit may change.

ALTER TABLE trade_proposals ADD COLUMN parent_id INTEGER REFERENCES trade_proposals (id) ON DELETE RESTRICT;

CREATE TABLE operator_presence (
    actor   TEXT PRIMARY KEY CHECK (length(actor) > 0),
    seen_at INTEGER NOT NULL
) STRICT;

-- Foreign keys are off on a stranger's connection, so the parent is looked for here as well.
CREATE TRIGGER proposal_parent BEFORE INSERT ON trade_proposals
WHEN NEW.parent_id IS NOT NULL
    AND (NEW.origin <> 'operator' OR NOT EXISTS (SELECT 1 FROM trade_proposals WHERE id = NEW.parent_id))
BEGIN SELECT RAISE(ABORT, 'only an operator makes an idea anew, from one that exists'); END;

-- As before, with two more: the parent never changes, and the time of expiry changes with a new revision only.
DROP TRIGGER proposal_identity;
CREATE TRIGGER proposal_identity BEFORE UPDATE ON trade_proposals
WHEN NEW.id <> OLD.id OR NEW.origin <> OLD.origin OR NEW.oracle <> OLD.oracle OR NEW.market <> OLD.market
    OR NEW.side <> OLD.side OR NEW.kind <> OLD.kind OR NEW.created_at <> OLD.created_at
    OR NEW.snapshot_id IS NOT OLD.snapshot_id OR NEW.rationale <> OLD.rationale OR NEW.confidence IS NOT OLD.confidence
    OR NEW.parent_id IS NOT OLD.parent_id
    OR ((NEW.quantity <> OLD.quantity OR NEW.limit_price IS NOT OLD.limit_price OR NEW.order_type <> OLD.order_type
         OR NEW.eur <> OLD.eur OR NEW.expires_at <> OLD.expires_at)
        AND (NEW.revision <> OLD.revision + 1 OR OLD.state NOT IN ('PROPOSED', 'APPROVED')))
    OR NEW.revision < OLD.revision
BEGIN SELECT RAISE(ABORT, 'what a proposal says changes with a new revision only, while it is open'); END;
