-- name: stored_policies()
SELECT p.hash, p.name, p.created_at, coalesce(max(a.active), 0) AS active, max(a.at) AS since
FROM policies p LEFT JOIN policy_activations a ON a.hash = p.hash
GROUP BY p.hash ORDER BY active DESC, since DESC, p.name;

-- name: policies_by_prefix(prefix)
SELECT hash, name, canonical FROM policies WHERE substr(hash, 1, length(:prefix)) = :prefix;
