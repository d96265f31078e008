-- name: register_job(job, next_run_at, interval_us)!
INSERT INTO scan_jobs (job, next_run_at, interval_us) VALUES (:job, :next_run_at, :interval_us)
ON CONFLICT (job) DO UPDATE SET interval_us = excluded.interval_us WHERE interval_us <> excluded.interval_us;

-- name: claim_job(job, holder, now, expires_at, ttl, longest_backoff)^
UPDATE scan_jobs SET holder = :holder, fence = fence + 1, acquired_at = :now, expires_at = :expires_at,
    due_at = min(next_run_at, :now)
WHERE job = :job AND paused = 0
    AND (next_run_at <= :now OR next_run_at > :now + iif(failures = 0, interval_us, max(interval_us, :longest_backoff)))
    AND (holder IS NULL OR expires_at <= :now OR expires_at > :now + :ttl)
RETURNING job, holder, fence, acquired_at, expires_at, due_at;

-- name: renew_job(job, holder, fence, expires_at)^
UPDATE scan_jobs SET expires_at = :expires_at
WHERE job = :job AND holder = :holder AND fence = :fence
RETURNING job, holder, fence, acquired_at, expires_at, due_at;

-- name: job_is_held(job, holder, fence)^
SELECT 1 FROM scan_jobs WHERE job = :job AND holder = :holder AND fence = :fence;

-- name: finish_job(job, holder, fence, now, next_run_at, error, failures)!
UPDATE scan_jobs SET holder = NULL, acquired_at = NULL, expires_at = NULL, last_run_at = :now, next_run_at = :next_run_at,
    last_error = :error, failures = :failures
WHERE job = :job AND holder = :holder AND fence = :fence;

-- name: pause_job(job)!
UPDATE scan_jobs SET paused = 1 WHERE job = :job;

-- name: unpause_job(job)!
UPDATE scan_jobs SET paused = 0, failures = 0 WHERE job = :job AND paused = 1;

-- name: hurry_job(job, now)!
UPDATE scan_jobs SET next_run_at = :now WHERE job = :job AND next_run_at > :now;

-- name: insert_job_run(job, due_at, fence, holder, started_at, now, completed, summary)<!
INSERT INTO job_runs (job, due_at, fence, holder, started_at, finished_at, completed, summary)
VALUES (:job, :due_at, :fence, :holder, :started_at, :now, :completed, :summary);

-- name: run_completed(job, due_at)^
SELECT 1 FROM job_runs WHERE job = :job AND due_at = :due_at AND completed = 1;

-- name: all_jobs()
SELECT * FROM scan_jobs ORDER BY job;

-- name: job_by_name(job)^
SELECT * FROM scan_jobs WHERE job = :job;

-- name: insert_usage(now, oracle, state, markets, reserved_micros, cost_micros, summary, settled_at)<!
INSERT INTO gpt_usage_log (at, oracle, state, markets, reserved_micros, cost_micros, summary, settled_at)
VALUES (:now, :oracle, :state, :markets, :reserved_micros, :cost_micros, :summary, :settled_at);

-- name: insert_look(now, market, outcome, nearest, numbers, saw)<!
INSERT INTO market_snapshots (at, market, outcome, nearest, numbers, saw)
VALUES (:now, :market, :outcome, :nearest, :numbers, :saw);

-- name: newest_looks()
SELECT id, at, market, outcome, nearest, numbers FROM market_snapshots
WHERE at = (SELECT max(at) FROM market_snapshots) ORDER BY market;

-- name: insert_invariant_run(now, violations, actor)<!
INSERT INTO invariant_runs (at, violations, actor) VALUES (:now, :violations, :actor);

-- name: calls_since(oracle, since)^
SELECT count(*) AS calls FROM gpt_usage_log WHERE oracle = :oracle AND at > :since;
