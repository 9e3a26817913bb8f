-- The bound of every list: at least 1, at most 1000 rows.
CREATE OR REPLACE FUNCTION connectors.page_size(p_limit integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT least(greatest(coalesce(p_limit, 1), 1), 1000)
$$;
