-- Destroys a merchant's retired data keys under which nothing is left and which were retired a while ago; tells how many.
CREATE OR REPLACE FUNCTION vault.destroy_idle_data_keys(p_merchant_id text, p_idle_seconds integer, p_actor text)
RETURNS TABLE (destroyed integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = vault, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_versions integer[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('vault.data_key/' || p_merchant_id, 0));
    WITH gone AS (
        UPDATE vault.data_key AS known
        SET state = 'destroyed', wrapped_key = NULL, state_changed_at = now()
        WHERE known.merchant_id = p_merchant_id AND known.state = 'decrypt_only'
            AND known.state_changed_at <= now() - make_interval(secs => greatest(p_idle_seconds, 0))
            AND NOT EXISTS (
                SELECT 1
                FROM vault.card AS card
                WHERE card.merchant_id = p_merchant_id AND card.key_version = known.key_version
            )
            AND NOT EXISTS (
                SELECT 1
                FROM vault.card_code AS code
                INNER JOIN vault.card AS card ON card.token_id = code.token_id
                WHERE card.merchant_id = p_merchant_id AND code.key_version = known.key_version
            )
        RETURNING known.key_version
    )

    SELECT array_agg(gone.key_version) INTO v_versions FROM gone;
    destroyed := coalesce(cardinality(v_versions), 0);
    IF destroyed > 0 THEN
        PERFORM vault.append_audit(
            'destroy_data_key', 'idle', p_actor, '', p_merchant_id, '', '',
            'versions ' || array_to_string(v_versions, ' ')
        );
    END IF;
    RETURN NEXT;
END;
$$;
