-- Tells whether a merchant's new cards are sealed with this version of its data key: keys before it only open.
CREATE OR REPLACE FUNCTION vault.is_active_data_key(p_merchant_id text, p_key_version integer)
RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
    SELECT EXISTS (
        SELECT 1
        FROM vault.data_key AS known
        WHERE known.merchant_id = p_merchant_id AND known.key_version = p_key_version AND known.state = 'active'
    );
$$;
