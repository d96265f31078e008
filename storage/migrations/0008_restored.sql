-- A vault that was restored: which incarnations it had before, and from when on their orders may be unknown here.
-- Until a clean sweep has taken these over (imported_at), trading is not resumed.

CREATE TABLE earlier_incarnations (
    incarnation TEXT PRIMARY KEY CHECK (length(incarnation) = 36),
    orders_from INTEGER NOT NULL,
    -- Where the vault that was replaced may have traded, as far as that could be read.
    markets     TEXT NOT NULL CHECK (json_valid(markets)),
    ended_at    INTEGER NOT NULL,
    imported_at INTEGER
) STRICT;

CREATE TRIGGER earlier_incarnations_no_delete BEFORE DELETE ON earlier_incarnations
BEGIN SELECT RAISE(ABORT, 'rows of earlier_incarnations are never deleted'); END;

CREATE TRIGGER earlier_incarnations_no_replace BEFORE INSERT ON earlier_incarnations
WHEN EXISTS (SELECT 1 FROM earlier_incarnations WHERE incarnation = NEW.incarnation)
BEGIN SELECT RAISE(ABORT, 'earlier_incarnations is append-only'); END;

CREATE TRIGGER earlier_incarnation_imported_once BEFORE UPDATE ON earlier_incarnations
WHEN NEW.incarnation <> OLD.incarnation OR NEW.orders_from <> OLD.orders_from OR NEW.markets <> OLD.markets
    OR NEW.ended_at <> OLD.ended_at OR OLD.imported_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'of an earlier incarnation only the import is noted, once'); END;

-- The order was found at the exchange after a restore: its gate and its send stood in what was lost.
ALTER TABLE trade_executions ADD COLUMN imported INTEGER NOT NULL DEFAULT 0 CHECK (imported IN (0, 1));

CREATE TRIGGER execution_stays_imported BEFORE UPDATE OF imported ON trade_executions
WHEN NEW.imported < OLD.imported
BEGIN SELECT RAISE(ABORT, 'an imported execution stays one'); END;

CREATE INDEX imported_executions ON trade_executions (id) WHERE imported = 1;
