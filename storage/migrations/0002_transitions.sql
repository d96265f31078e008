-- The one table of legal state changes, and the triggers that hold every row to it.

INSERT INTO legal_transitions (entity, before, after) VALUES
    ('proposal', 'PROPOSED', 'APPROVED'),
    ('proposal', 'PROPOSED', 'CLAIMED'),
    ('proposal', 'PROPOSED', 'DECLINED'),
    ('proposal', 'PROPOSED', 'EXPIRED'),
    ('proposal', 'APPROVED', 'CLAIMED'),
    ('proposal', 'APPROVED', 'DECLINED'),
    ('proposal', 'APPROVED', 'EXPIRED'),
    ('proposal', 'CLAIMED', 'EXECUTED'),
    ('proposal', 'CLAIMED', 'FAILED'),
    ('proposal', 'DECLINED', 'PROPOSED'),
    ('proposal', 'FAILED', 'EXECUTED'),
    ('execution', 'CLAIMED', 'SUBMITTING'),
    ('execution', 'CLAIMED', 'ABANDONED'),
    ('execution', 'SUBMITTING', 'SUBMITTED'),
    ('execution', 'SUBMITTING', 'PARTIALLY_FILLED'),
    ('execution', 'SUBMITTING', 'FILLED'),
    ('execution', 'SUBMITTING', 'CANCELED'),
    ('execution', 'SUBMITTING', 'REJECTED'),
    ('execution', 'SUBMITTING', 'UNKNOWN'),
    ('execution', 'UNKNOWN', 'SUBMITTED'),
    ('execution', 'UNKNOWN', 'PARTIALLY_FILLED'),
    ('execution', 'UNKNOWN', 'FILLED'),
    ('execution', 'UNKNOWN', 'CANCELED'),
    ('execution', 'UNKNOWN', 'REJECTED'),
    ('execution', 'UNKNOWN', 'ABSENT'),
    ('execution', 'UNKNOWN', 'RESOLVED'),
    ('execution', 'SUBMITTED', 'PARTIALLY_FILLED'),
    ('execution', 'SUBMITTED', 'FILLED'),
    ('execution', 'SUBMITTED', 'CANCELED'),
    ('execution', 'SUBMITTED', 'REJECTED'),
    ('execution', 'SUBMITTED', 'UNKNOWN'),
    ('execution', 'PARTIALLY_FILLED', 'FILLED'),
    ('execution', 'PARTIALLY_FILLED', 'CANCELED'),
    ('execution', 'PARTIALLY_FILLED', 'UNKNOWN'),
    -- Closed, not sealed: an order of ours that is seen later moves its execution to the truth.
    ('execution', 'ABSENT', 'SUBMITTED'),
    ('execution', 'ABSENT', 'PARTIALLY_FILLED'),
    ('execution', 'ABSENT', 'FILLED'),
    ('execution', 'ABSENT', 'CANCELED'),
    ('execution', 'REJECTED', 'SUBMITTED'),
    ('execution', 'REJECTED', 'PARTIALLY_FILLED'),
    ('execution', 'REJECTED', 'FILLED'),
    ('execution', 'REJECTED', 'CANCELED'),
    ('execution', 'ABANDONED', 'SUBMITTED'),
    ('execution', 'ABANDONED', 'PARTIALLY_FILLED'),
    ('execution', 'ABANDONED', 'FILLED'),
    ('execution', 'ABANDONED', 'CANCELED'),
    ('execution', 'RESOLVED', 'SUBMITTED'),
    ('execution', 'RESOLVED', 'PARTIALLY_FILLED'),
    ('execution', 'RESOLVED', 'FILLED'),
    ('execution', 'RESOLVED', 'CANCELED');

CREATE TRIGGER proposal_born BEFORE INSERT ON trade_proposals
WHEN NEW.state <> 'PROPOSED'
BEGIN SELECT RAISE(ABORT, 'a proposal is born PROPOSED'); END;

CREATE TRIGGER execution_born BEFORE INSERT ON trade_executions
WHEN NEW.state <> 'CLAIMED'
BEGIN SELECT RAISE(ABORT, 'an execution is born CLAIMED'); END;

CREATE TRIGGER proposal_transition BEFORE UPDATE OF state ON trade_proposals
WHEN NEW.state <> OLD.state AND NOT EXISTS (
    SELECT 1 FROM legal_transitions WHERE entity = 'proposal' AND before = OLD.state AND after = NEW.state)
BEGIN SELECT RAISE(ABORT, 'illegal transition of a proposal'); END;

CREATE TRIGGER execution_transition BEFORE UPDATE OF state ON trade_executions
WHEN NEW.state <> OLD.state AND NOT EXISTS (
    SELECT 1 FROM legal_transitions WHERE entity = 'execution' AND before = OLD.state AND after = NEW.state)
BEGIN SELECT RAISE(ABORT, 'illegal transition of an execution'); END;

-- What was once at the exchange can never be proven absent.
CREATE TRIGGER absent_never_had_an_order BEFORE UPDATE OF state ON trade_executions
WHEN NEW.state = 'ABSENT' AND (OLD.order_id IS NOT NULL OR NEW.order_id IS NOT NULL)
    AND OLD.state <> 'ABSENT'
BEGIN SELECT RAISE(ABORT, 'an execution with an order id cannot become ABSENT'); END;

-- A proposal that was claimed is moved by its execution only.
CREATE TRIGGER claimed_needs_execution BEFORE UPDATE OF state ON trade_proposals
WHEN NEW.state IN ('CLAIMED', 'EXECUTED', 'FAILED')
    AND NOT EXISTS (SELECT 1 FROM trade_executions WHERE proposal_id = OLD.id)
BEGIN SELECT RAISE(ABORT, 'a proposal is claimed by its execution only'); END;

-- What was claimed, and the request that was signed, never change.
CREATE TRIGGER execution_identity BEFORE UPDATE ON trade_executions
WHEN NEW.id <> OLD.id OR NEW.proposal_id <> OLD.proposal_id OR NEW.client_order_id <> OLD.client_order_id
    OR NEW.revision <> OLD.revision OR NEW.decision_id <> OLD.decision_id OR NEW.eur <> OLD.eur
    OR NEW.order_type <> OLD.order_type OR NEW.time_in_force IS NOT OLD.time_in_force
    OR NEW.actor <> OLD.actor OR NEW.instance <> OLD.instance
    OR NEW.market <> OLD.market OR NEW.side <> OLD.side OR NEW.kind <> OLD.kind
    OR NEW.quantity <> OLD.quantity OR NEW.limit_price IS NOT OLD.limit_price OR NEW.request_body <> OLD.request_body
    OR NEW.digest <> OLD.digest OR NEW.claimed_at <> OLD.claimed_at OR NEW.policy_hash <> OLD.policy_hash
    OR (OLD.submitting_at IS NOT NULL AND (NEW.submitting_at IS NOT OLD.submitting_at
        OR NEW.signed_at_ms IS NOT OLD.signed_at_ms OR NEW.window_ms IS NOT OLD.window_ms
        OR NEW.key_fingerprint IS NOT OLD.key_fingerprint OR NEW.exchange_identity IS NOT OLD.exchange_identity))
    OR (OLD.order_id IS NOT NULL AND NEW.order_id IS NOT OLD.order_id)
BEGIN SELECT RAISE(ABORT, 'a claim and its signed request never change'); END;

-- A decided or claimed proposal is no longer edited; an open one only with a new revision.
CREATE TRIGGER proposal_identity BEFORE UPDATE ON trade_proposals
WHEN NEW.id <> OLD.id OR NEW.origin <> OLD.origin OR NEW.oracle <> OLD.oracle OR NEW.market <> OLD.market
    OR NEW.side <> OLD.side OR NEW.kind <> OLD.kind OR NEW.created_at <> OLD.created_at
    OR NEW.snapshot_id IS NOT OLD.snapshot_id OR NEW.rationale <> OLD.rationale OR NEW.confidence IS NOT OLD.confidence
    OR ((NEW.quantity <> OLD.quantity OR NEW.limit_price IS NOT OLD.limit_price OR NEW.order_type <> OLD.order_type
         OR NEW.eur <> OLD.eur)
        AND (NEW.revision <> OLD.revision + 1 OR OLD.state NOT IN ('PROPOSED', 'APPROVED')))
    OR NEW.revision < OLD.revision
BEGIN SELECT RAISE(ABORT, 'what a proposal says changes with a new revision only, while it is open'); END;

CREATE TRIGGER history_status BEFORE UPDATE ON trade_history
WHEN NEW.id <> OLD.id OR NEW.execution_id <> OLD.execution_id OR NEW.proposal_id <> OLD.proposal_id
    OR NEW.market <> OLD.market OR NEW.side <> OLD.side
    OR (OLD.status = 'confirmed' AND NEW.status <> 'confirmed')
    OR (OLD.status = 'failed' AND NEW.status = 'pending')
BEGIN SELECT RAISE(ABORT, 'a trade goes from pending to confirmed or failed, and from failed to confirmed'); END;

CREATE TRIGGER fence_grows BEFORE UPDATE OF fence ON scan_jobs
WHEN NEW.fence < OLD.fence
BEGIN SELECT RAISE(ABORT, 'a fence never goes back'); END;
