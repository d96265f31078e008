-- Append-only tables and rows that are never deleted. A BEFORE INSERT trigger refuses a key that is already there,
-- as INSERT OR REPLACE goes past a DELETE trigger.

CREATE TRIGGER execution_events_no_update BEFORE UPDATE ON execution_events
BEGIN SELECT RAISE(ABORT, 'execution_events is append-only'); END;

CREATE TRIGGER execution_events_no_delete BEFORE DELETE ON execution_events
BEGIN SELECT RAISE(ABORT, 'execution_events is append-only'); END;

CREATE TRIGGER execution_events_no_replace BEFORE INSERT ON execution_events
WHEN EXISTS (SELECT 1 FROM execution_events WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'execution_events is append-only'); END;

CREATE TRIGGER gate_decisions_no_update BEFORE UPDATE ON gate_decisions
BEGIN SELECT RAISE(ABORT, 'gate_decisions is append-only'); END;

CREATE TRIGGER gate_decisions_no_delete BEFORE DELETE ON gate_decisions
BEGIN SELECT RAISE(ABORT, 'gate_decisions is append-only'); END;

CREATE TRIGGER gate_decisions_no_replace BEFORE INSERT ON gate_decisions
WHEN EXISTS (SELECT 1 FROM gate_decisions WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'gate_decisions is append-only'); END;

CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END;

CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END;

CREATE TRIGGER audit_log_no_replace BEFORE INSERT ON audit_log
WHEN EXISTS (SELECT 1 FROM audit_log WHERE seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END;

CREATE TRIGGER policies_no_update BEFORE UPDATE ON policies
BEGIN SELECT RAISE(ABORT, 'policies is append-only'); END;

CREATE TRIGGER policies_no_delete BEFORE DELETE ON policies
BEGIN SELECT RAISE(ABORT, 'policies is append-only'); END;

CREATE TRIGGER policies_no_replace BEFORE INSERT ON policies
WHEN EXISTS (SELECT 1 FROM policies WHERE hash = NEW.hash)
BEGIN SELECT RAISE(ABORT, 'policies is append-only'); END;

CREATE TRIGGER stage_changes_no_update BEFORE UPDATE ON stage_changes
BEGIN SELECT RAISE(ABORT, 'stage_changes is append-only'); END;

CREATE TRIGGER stage_changes_no_delete BEFORE DELETE ON stage_changes
BEGIN SELECT RAISE(ABORT, 'stage_changes is append-only'); END;

CREATE TRIGGER stage_changes_no_replace BEFORE INSERT ON stage_changes
WHEN EXISTS (SELECT 1 FROM stage_changes WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'stage_changes is append-only'); END;

CREATE TRIGGER exchange_sweeps_no_update BEFORE UPDATE ON exchange_sweeps
BEGIN SELECT RAISE(ABORT, 'exchange_sweeps is append-only'); END;

CREATE TRIGGER exchange_sweeps_no_delete BEFORE DELETE ON exchange_sweeps
BEGIN SELECT RAISE(ABORT, 'exchange_sweeps is append-only'); END;

CREATE TRIGGER exchange_sweeps_no_replace BEFORE INSERT ON exchange_sweeps
WHEN EXISTS (SELECT 1 FROM exchange_sweeps WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'exchange_sweeps is append-only'); END;

CREATE TRIGGER market_snapshots_no_update BEFORE UPDATE ON market_snapshots
BEGIN SELECT RAISE(ABORT, 'market_snapshots is append-only'); END;

CREATE TRIGGER market_snapshots_no_delete BEFORE DELETE ON market_snapshots
BEGIN SELECT RAISE(ABORT, 'market_snapshots is append-only'); END;

CREATE TRIGGER market_snapshots_no_replace BEFORE INSERT ON market_snapshots
WHEN EXISTS (SELECT 1 FROM market_snapshots WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'market_snapshots is append-only'); END;

CREATE TRIGGER legal_transitions_no_update BEFORE UPDATE ON legal_transitions
BEGIN SELECT RAISE(ABORT, 'legal_transitions is append-only'); END;

CREATE TRIGGER legal_transitions_no_delete BEFORE DELETE ON legal_transitions
BEGIN SELECT RAISE(ABORT, 'legal_transitions is append-only'); END;

CREATE TRIGGER alerts_no_update BEFORE UPDATE ON alerts
BEGIN SELECT RAISE(ABORT, 'alerts is append-only'); END;

CREATE TRIGGER alerts_no_delete BEFORE DELETE ON alerts
BEGIN SELECT RAISE(ABORT, 'alerts is append-only'); END;

CREATE TRIGGER alerts_no_replace BEFORE INSERT ON alerts
WHEN EXISTS (SELECT 1 FROM alerts WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'alerts is append-only'); END;

CREATE TRIGGER invariant_runs_no_update BEFORE UPDATE ON invariant_runs
BEGIN SELECT RAISE(ABORT, 'invariant_runs is append-only'); END;

CREATE TRIGGER invariant_runs_no_delete BEFORE DELETE ON invariant_runs
BEGIN SELECT RAISE(ABORT, 'invariant_runs is append-only'); END;

CREATE TRIGGER invariant_runs_no_replace BEFORE INSERT ON invariant_runs
WHEN EXISTS (SELECT 1 FROM invariant_runs WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'invariant_runs is append-only'); END;

CREATE TRIGGER job_runs_no_update BEFORE UPDATE ON job_runs
BEGIN SELECT RAISE(ABORT, 'job_runs is append-only'); END;

CREATE TRIGGER job_runs_no_delete BEFORE DELETE ON job_runs
BEGIN SELECT RAISE(ABORT, 'job_runs is append-only'); END;

CREATE TRIGGER job_runs_no_replace BEFORE INSERT ON job_runs
WHEN EXISTS (SELECT 1 FROM job_runs WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'job_runs is append-only'); END;

CREATE TRIGGER trading_state_no_update BEFORE UPDATE ON trading_state
BEGIN SELECT RAISE(ABORT, 'trading_state is append-only'); END;

CREATE TRIGGER trading_state_no_delete BEFORE DELETE ON trading_state
BEGIN SELECT RAISE(ABORT, 'trading_state is append-only'); END;

CREATE TRIGGER trading_state_no_replace BEFORE INSERT ON trading_state
WHEN EXISTS (SELECT 1 FROM trading_state WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'trading_state is append-only'); END;

CREATE TRIGGER trade_proposals_no_delete BEFORE DELETE ON trade_proposals
BEGIN SELECT RAISE(ABORT, 'rows of trade_proposals are never deleted'); END;

CREATE TRIGGER trade_proposals_no_replace BEFORE INSERT ON trade_proposals
WHEN EXISTS (SELECT 1 FROM trade_proposals WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'trade_proposals is append-only'); END;

CREATE TRIGGER trade_executions_no_delete BEFORE DELETE ON trade_executions
BEGIN SELECT RAISE(ABORT, 'rows of trade_executions are never deleted'); END;

CREATE TRIGGER trade_executions_no_replace BEFORE INSERT ON trade_executions
WHEN EXISTS (SELECT 1 FROM trade_executions WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'trade_executions is append-only'); END;

CREATE TRIGGER trade_history_no_delete BEFORE DELETE ON trade_history
BEGIN SELECT RAISE(ABORT, 'rows of trade_history are never deleted'); END;

CREATE TRIGGER trade_history_no_replace BEFORE INSERT ON trade_history
WHEN EXISTS (SELECT 1 FROM trade_history WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'trade_history is append-only'); END;

CREATE TRIGGER fills_no_delete BEFORE DELETE ON fills
BEGIN SELECT RAISE(ABORT, 'rows of fills are never deleted'); END;

CREATE TRIGGER fills_no_replace BEFORE INSERT ON fills
WHEN EXISTS (SELECT 1 FROM fills WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'fills is append-only'); END;

CREATE TRIGGER gpt_usage_log_no_delete BEFORE DELETE ON gpt_usage_log
BEGIN SELECT RAISE(ABORT, 'rows of gpt_usage_log are never deleted'); END;

CREATE TRIGGER gpt_usage_log_no_replace BEFORE INSERT ON gpt_usage_log
WHEN EXISTS (SELECT 1 FROM gpt_usage_log WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'gpt_usage_log is append-only'); END;

CREATE TRIGGER policy_activations_no_delete BEFORE DELETE ON policy_activations
BEGIN SELECT RAISE(ABORT, 'rows of policy_activations are never deleted'); END;

CREATE TRIGGER policy_activations_no_replace BEFORE INSERT ON policy_activations
WHEN EXISTS (SELECT 1 FROM policy_activations WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'policy_activations is append-only'); END;

CREATE TRIGGER vault_info_no_delete BEFORE DELETE ON vault_info
BEGIN SELECT RAISE(ABORT, 'rows of vault_info are never deleted'); END;

CREATE TRIGGER vault_info_no_replace BEFORE INSERT ON vault_info
WHEN EXISTS (SELECT 1 FROM vault_info WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'vault_info is append-only'); END;

CREATE TRIGGER legal_transitions_sealed BEFORE INSERT ON legal_transitions
BEGIN SELECT RAISE(ABORT, 'the transition table is fixed by the schema'); END;

CREATE TRIGGER one_claim_per_proposal BEFORE INSERT ON trade_executions
WHEN EXISTS (SELECT 1 FROM trade_executions
             WHERE proposal_id = NEW.proposal_id OR client_order_id = NEW.client_order_id)
BEGIN SELECT RAISE(ABORT, 'the proposal is already claimed'); END;

CREATE TRIGGER one_trade_per_execution BEFORE INSERT ON trade_history
WHEN EXISTS (SELECT 1 FROM trade_history WHERE execution_id = NEW.execution_id)
BEGIN SELECT RAISE(ABORT, 'the execution already has its trade'); END;

-- The same for the other unique values: a new row must not push out an old one.
CREATE TRIGGER one_open_idea_kept BEFORE INSERT ON trade_proposals
WHEN NEW.origin <> 'operator' AND EXISTS (
    SELECT 1 FROM trade_proposals WHERE market = NEW.market AND side = NEW.side AND oracle = NEW.oracle
        AND state IN ('PROPOSED', 'APPROVED') AND origin <> 'operator')
BEGIN SELECT RAISE(ABORT, 'the oracle has an open idea for that market and side'); END;

CREATE TRIGGER one_execution_per_order_kept BEFORE UPDATE OF order_id ON trade_executions
WHEN NEW.order_id IS NOT OLD.order_id AND EXISTS (
    SELECT 1 FROM trade_executions WHERE market = NEW.market AND order_id = NEW.order_id AND id <> OLD.id)
BEGIN SELECT RAISE(ABORT, 'the order belongs to another execution'); END;

CREATE TRIGGER one_active_policy_kept BEFORE INSERT ON policy_activations
WHEN NEW.active = 1 AND EXISTS (SELECT 1 FROM policy_activations WHERE active = 1)
BEGIN SELECT RAISE(ABORT, 'another policy is active'); END;

CREATE TRIGGER one_successor_per_state BEFORE INSERT ON trading_state
WHEN EXISTS (SELECT 1 FROM trading_state WHERE replaces = NEW.replaces)
BEGIN SELECT RAISE(ABORT, 'the trading state was replaced meanwhile'); END;

CREATE TRIGGER one_completed_run_kept BEFORE INSERT ON job_runs
WHEN NEW.completed = 1 AND EXISTS (
    SELECT 1 FROM job_runs WHERE job = NEW.job AND due_at = NEW.due_at AND completed = 1)
BEGIN SELECT RAISE(ABORT, 'the run is already completed'); END;

CREATE TRIGGER one_row_per_fill BEFORE INSERT ON fills
WHEN EXISTS (SELECT 1 FROM fills WHERE market = NEW.market AND fill_id = NEW.fill_id)
BEGIN SELECT RAISE(ABORT, 'the fill is already stored'); END;

-- Of a fill only the fee, its currency and settled are filled in, once, when the exchange settles it.
CREATE TRIGGER fill_settles_once BEFORE UPDATE ON fills
WHEN NEW.id <> OLD.id OR NEW.execution_id <> OLD.execution_id OR NEW.market <> OLD.market OR NEW.side <> OLD.side
    OR NEW.fill_id <> OLD.fill_id OR NEW.at <> OLD.at OR NEW.quantity <> OLD.quantity OR NEW.price <> OLD.price
    OR NEW.taker <> OLD.taker OR NEW.stored_at <> OLD.stored_at
    OR (OLD.fee IS NOT NULL AND NEW.fee IS NOT OLD.fee)
    OR (OLD.fee_currency IS NOT NULL AND NEW.fee_currency IS NOT OLD.fee_currency)
    OR (OLD.settled IS NOT NULL AND NEW.settled IS NOT OLD.settled)
BEGIN SELECT RAISE(ABORT, 'of a fill only fee, currency and settled are filled in, once'); END;

CREATE TRIGGER usage_settles_once BEFORE UPDATE ON gpt_usage_log
WHEN OLD.state <> 'reserved' OR NEW.state = 'reserved' OR NEW.id <> OLD.id OR NEW.at <> OLD.at
    OR NEW.oracle <> OLD.oracle OR NEW.reserved_micros <> OLD.reserved_micros
BEGIN SELECT RAISE(ABORT, 'a reservation is settled once'); END;

-- Of an activation only the active mark changes, and only from 1 to 0.
CREATE TRIGGER activation_ends_once BEFORE UPDATE ON policy_activations
WHEN NEW.id <> OLD.id OR NEW.hash <> OLD.hash OR NEW.actor <> OLD.actor OR NEW.at <> OLD.at OR NEW.active = 1
    OR NEW.replaces IS NOT OLD.replaces
BEGIN SELECT RAISE(ABORT, 'an activation ends once and is never changed'); END;

-- Whose vault this is never changes; the exchange identity and the incarnation do, by their own procedures.
CREATE TRIGGER vault_identity BEFORE UPDATE ON vault_info
WHEN NEW.id <> OLD.id OR NEW.vault_id <> OLD.vault_id OR NEW.mode <> OLD.mode OR NEW.created_at <> OLD.created_at
BEGIN SELECT RAISE(ABORT, 'a vault keeps its id and mode'); END;
