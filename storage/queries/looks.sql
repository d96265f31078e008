-- name: latest_looks(count, within)
SELECT id, at, market, outcome, nearest, numbers FROM (
    SELECT *, row_number() OVER (PARTITION BY market ORDER BY at DESC, id DESC) AS nth
    FROM market_snapshots WHERE id > (SELECT max(id) FROM market_snapshots) - :within)
WHERE nth <= :count ORDER BY at DESC, id DESC;

-- name: look_by_id(id)^
SELECT * FROM market_snapshots WHERE id = :id;
