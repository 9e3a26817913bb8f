-- By how much the journals of each currency fail to sum to zero, signs dropped; 0 for a sound ledger. Reads all of it.
CREATE OR REPLACE FUNCTION gateway.ledger_check() RETURNS TABLE (currency text, imbalance bigint)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = gateway, pg_temp
AS $$
    SELECT booked.currency, sum(abs(booked.total))::bigint
    FROM (
        SELECT j.currency, coalesce(sum(e.amount), 0) AS total
        FROM gateway.journal AS j
        LEFT JOIN gateway.entry AS e ON e.journal_id = j.id
        GROUP BY j.id
    ) AS booked
    GROUP BY booked.currency
    ORDER BY booked.currency
$$;
