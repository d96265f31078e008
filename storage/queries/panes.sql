-- name: scan_times(oracle, since)
SELECT at FROM gpt_usage_log WHERE oracle = :oracle AND at > :since ORDER BY at, id;

-- name: markets_with_locks(since)
SELECT market FROM trade_history WHERE status <> 'failed' AND traded_at > :since
UNION
SELECT market FROM trade_executions
WHERE state IN ('CLAIMED', 'SUBMITTING', 'UNKNOWN', 'SUBMITTED', 'PARTIALLY_FILLED')
ORDER BY market;

-- name: recent_job_runs(count)
SELECT id, job, holder, finished_at, completed, summary FROM job_runs ORDER BY id DESC LIMIT :count;

-- name: sweep_balances()^
SELECT finished_at, balances FROM exchange_sweeps ORDER BY id DESC LIMIT 1;

-- name: sweep_balances_at(at, since)^
SELECT finished_at, balances FROM exchange_sweeps WHERE finished_at <= :at AND finished_at > :since
ORDER BY id DESC LIMIT 1;

-- name: looks_between(since, at)
SELECT market, numbers FROM market_snapshots WHERE at > :since AND at <= :at ORDER BY at, id;
