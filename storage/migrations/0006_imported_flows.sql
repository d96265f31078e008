-- Flows that the account's own history tells of: each transaction moves each symbol once, however often it is read.

ALTER TABLE account_flows ADD COLUMN transaction_id TEXT CHECK (transaction_id IS NULL OR length(transaction_id) > 0);

CREATE UNIQUE INDEX flow_of_transaction ON account_flows (transaction_id, symbol) WHERE transaction_id IS NOT NULL;

DROP TRIGGER account_flows_no_replace;

CREATE TRIGGER account_flows_no_replace BEFORE INSERT ON account_flows
WHEN EXISTS (
    SELECT 1 FROM account_flows
    WHERE id = NEW.id OR (transaction_id = NEW.transaction_id AND symbol = NEW.symbol)
)
BEGIN SELECT RAISE(ABORT, 'account_flows is append-only'); END;
