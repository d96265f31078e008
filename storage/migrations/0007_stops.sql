-- Protective stops: a market sell of what is held that waits at the exchange for a price. What it waits for is part
-- of the order and never changes: another price is another proposal.

ALTER TABLE trade_proposals ADD COLUMN trigger_price TEXT CHECK (trigger_price IS NULL
    OR (trigger_price GLOB '[0-9]*' AND trigger_price NOT GLOB '*[^0-9.]*' AND trigger_price NOT GLOB '*.*.*'
        AND trigger_price NOT GLOB '*.' AND CAST(trigger_price AS REAL) > 0));
ALTER TABLE trade_proposals ADD COLUMN trigger_type TEXT CHECK (
    (trigger_type IS NULL) = (trigger_price IS NULL) AND (trigger_type IS NULL
        OR (trigger_type IN ('stopLoss', 'takeProfit') AND kind = 'exit' AND side = 'sell' AND order_type = 'market')));

ALTER TABLE trade_executions ADD COLUMN trigger_price TEXT CHECK (trigger_price IS NULL
    OR (trigger_price GLOB '[0-9]*' AND trigger_price NOT GLOB '*[^0-9.]*' AND trigger_price NOT GLOB '*.*.*'
        AND trigger_price NOT GLOB '*.' AND CAST(trigger_price AS REAL) > 0));
ALTER TABLE trade_executions ADD COLUMN trigger_type TEXT CHECK (
    (trigger_type IS NULL) = (trigger_price IS NULL) AND (trigger_type IS NULL
        OR (trigger_type IN ('stopLoss', 'takeProfit') AND kind = 'exit' AND side = 'sell' AND order_type = 'market')));

CREATE TRIGGER proposal_waits_for BEFORE UPDATE ON trade_proposals
WHEN NEW.trigger_type IS NOT OLD.trigger_type OR NEW.trigger_price IS NOT OLD.trigger_price
BEGIN SELECT RAISE(ABORT, 'what a stop waits for never changes'); END;

CREATE TRIGGER execution_waits_for BEFORE UPDATE ON trade_executions
WHEN NEW.trigger_type IS NOT OLD.trigger_type OR NEW.trigger_price IS NOT OLD.trigger_price
BEGIN SELECT RAISE(ABORT, 'a claim and its signed request never change'); END;
